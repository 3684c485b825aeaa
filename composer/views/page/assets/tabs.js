/* The picture and the tables, one at a time. */
const tabs = (() => {
  const bar = byId("tabs");
  const all = [
    ...(page.wired ? [{ id: "graph", title: "Picture", count: null }] : []),
    ...page.tables.map((one) => ({ id: one.id, title: one.title, count: one.rows.length, one })),
  ];
  let at = null;

  for (const tab of all) {
    tab.element = element("button", {
      "type": "button", "role": "tab", "id": `tab-${tab.id}`, "tabindex": -1,
      "aria-selected": "false", "aria-controls": tab.one ? "table-panel" : "graph-panel",
      "click": () => open(tab.id),
    }, tab.title, tab.count === null ? null
      : element("span", { class: "count" }, tab.count.toLocaleString("en")));
    bar.append(tab.element);
  }

  function open(id) {
    if (at === id) return;
    at = id;
    for (const tab of all) {
      tab.element.setAttribute("aria-selected", String(tab.id === id));
      tab.element.setAttribute("tabindex", tab.id === id ? 0 : -1);
    }
    const tab = all.find((one) => one.id === id);
    byId("graph-panel").hidden = Boolean(tab.one);
    byId("table-panel").hidden = !tab.one;
    byId(tab.one ? "table-panel" : "graph-panel").setAttribute("aria-labelledby", `tab-${id}`);
    if (tab.one) table.open(tab.one);
  }

  bar.addEventListener("keydown", (event) => {
    const place = all.findIndex((tab) => tab.id === at);
    const last = all.length - 1;
    const next = {
      ArrowRight: place === last ? 0 : place + 1, ArrowLeft: place ? place - 1 : last,
      Home: 0, End: last,
    }[event.key];
    if (next === undefined) return;
    open(all[next].id);
    all[next].element.focus();
    event.preventDefault();
  });

  return {
    open, all,
    at: () => at,
    focus: () => (at === "graph" ? graph.focus() : table.focus()),
  };
})();
