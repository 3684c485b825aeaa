/* Finding a layer by a part of its name, its class or where it comes from. */
const search = (() => {
  const MOST = 100;
  const field = byId("search");
  const list = byId("found");
  let found = [];
  let at = -1;

  function matches(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    const scored = [];
    for (const node of model.nodes.values()) {
      const name = node.name.toLowerCase();
      const all = `${name} ${node.class.toLowerCase()} ${(node.box || "").toLowerCase()}:` +
        `${node.original.toLowerCase()} ${node.marks.map((mark) => MARKS[mark][1]).join(" ")}`;
      if (!words.every((word) => all.includes(word))) continue;
      const score = name === words[0] ? 0 : name.startsWith(words[0]) ? 1 : name.includes(words[0]) ? 2 : 3;
      scored.push([score + (node.out ? 4 : 0), node]);
    }
    return scored.sort((a, b) => a[0] - b[0]).map(([, node]) => node);
  }

  function option(node, place) {
    const where = [node.class || "output", node.out ? node.kind : "", node.box || ""];
    return element("li",
      { "role": "option", "id": `found-${place}`, "aria-selected": "false",
        "mousedown": (event) => event.preventDefault(), "click": () => choose(place) },
      element("span", { class: "name" }, node.name),
      element("span", { class: "under" }, where.filter(Boolean).join(" · ")));
  }

  function update() {
    found = matches(field.value);
    at = found.length ? 0 : -1;
    list.replaceChildren(...found.slice(0, MOST).map(option));
    const open = field.value.trim() !== "";
    list.hidden = !found.length;
    field.setAttribute("aria-expanded", String(!list.hidden));
    graph.hit(found.map((node) => node.id));
    if (open) say(`${counted(found.length, "layer")} found`);
    mark();
  }

  function mark() {
    [...list.children].forEach((made, place) =>
      made.setAttribute("aria-selected", String(place === at)));
    if (at >= 0) {
      field.setAttribute("aria-activedescendant", `found-${at}`);
      list.children[at]?.scrollIntoView({ block: "nearest" });
    } else field.removeAttribute("aria-activedescendant");
  }

  function hide() {
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
  }

  function choose(place) {
    const node = found[place];
    if (!node) return;
    hide();
    graph.go(node.id);
  }

  field.addEventListener("input", update);
  field.addEventListener("focus", () => { if (found.length) update(); });
  field.addEventListener("blur", hide);
  field.addEventListener("keydown", (event) => {
    const last = Math.min(found.length, MOST) - 1;
    if (event.key === "ArrowDown") at = Math.min(last, at + 1);
    else if (event.key === "ArrowUp") at = Math.max(0, at - 1);
    else if (event.key === "Enter") choose(at);
    else if (event.key === "Escape") {
      field.value = "";
      update();
      tabs.focus();
    } else return;
    if (event.key.startsWith("Arrow")) mark();
    event.preventDefault();
  });

  return { focus: () => { field.focus(); field.select(); } };
})();
