/* What there is to say of one node or fold, at the side. */
const details = (() => {
  const panel = byId("details");
  let shown = null;

  const shownCell = (cell) => (typeof cell === "number" ? cell.toLocaleString("en") : cell ?? "");

  const leading = (id, text) =>
    id && page.wired ? element("button", { type: "button", class: "link", click: () => graph.go(id) }, text) : text;

  function rows(section) {
    const body = section.rows.map((row) => element("tr", {}, ...row.map((cell, place) =>
      element(!section.columns.length && !place ? "th" : "td",
        { class: section.columns[place] === "SHA-256" ? "digest" : null },
        shownCell(cell)))));
    const head = section.columns.length
      ? element("thead", {}, element("tr", {}, ...section.columns.map((name) =>
        element("th", { scope: "col" }, name))))
      : null;
    return element("div", { class: "wide" }, element("table", {}, head, element("tbody", {}, ...body)));
  }

  const block = (section) =>
    element("section", {}, element("h3", {}, section.title), rows(section));

  const links = (title, names) => element("section", {}, element("h3", {}, title),
    element("ul", { class: "plain" }, ...names.map(([before, id, name]) =>
      element("li", {}, before ? `${before}: ` : null, leading(id, name)))));

  function chips(marks) {
    return element("p", { class: "chips" }, ...marks.map((mark) =>
      element("span", { class: `chip ${mark}` }, MARKS[mark].join(" "))));
  }

  const button = (text, click) => element("button", { type: "button", click }, text);

  function head(thing, kind) {
    return element("div", { class: "head" },
      element("h2", { tabindex: -1 }, thing.name),
      element("button", { "type": "button", "aria-label": "Close details", "click": close }, "×"),
      element("p", { class: "kind" }, kind),
      page.wired
        ? element("p", {}, button("Show in the picture", () => graph.go(shown))) : null);
  }

  function ofNode(node) {
    const takers = model.picture.edges
      .filter((edge) => edge.start === node.id && edge.mark !== "removed")
      .map((edge) => edge.end);
    const kinds = { new: "new layer", input: "input of the model", output: "output of the model" };
    return [
      head(node, kinds[node.kind] || (node.box === null ? "layer" : `layer of ${node.box}`)),
      node.marks.length ? chips(node.marks) : null,
      node.facts.length ? rows({ rows: node.facts, columns: [] }) : null,
      ...node.sections.filter((one) => one.title === "What changed").map(block),
      ...node.sections.filter((one) => one.title === "Inputs")
        .map((one) => links(one.title,
          one.rows.map(([before, name]) => [before, model.named(name), name]))),
      takers.length ? links("Used by", [...new Set(takers)].map((id) =>
        ["", id, model.nodes.get(id).name])) : null,
      ...node.sections
        .filter((one) => !["What changed", "Inputs"].includes(one.title)).map(block),
    ];
  }

  function ofFold(fold) {
    const most = 200;
    const marked = fold.nodes.filter((node) => node.marks.length);
    const listed = [...marked, ...fold.nodes.filter((node) => !node.marks.length)].slice(0, most);
    const rest = fold.nodes.length - listed.length;
    return [
      head(fold, fold.lines.slice(1).join(", ")),
      button(model.opened.has(fold.id) ? "Fold" : "Unfold", () => graph.toggle(fold.id)),
      element("h3", {}, "Layers"),
      element("ul", { class: "plain" }, ...listed.map((node) => element("li", {},
        element("button", { type: "button", class: "link", click: () => show(node.id) },
          node.mark ? `${MARKS[node.mark][0]} ${node.name}` : node.name), ` ${node.class}`))),
      rest ? element("p", {}, `and ${rest.toLocaleString("en")} more: search finds them`) : null,
    ];
  }

  function show(id, focus = false) {
    shown = id;
    const fold = model.folds.get(id);
    panel.replaceChildren(...(fold ? ofFold(fold) : ofNode(model.nodes.get(id))).filter(Boolean));
    panel.scrollTop = 0;
    document.body.classList.add("detailed");
    graph.select(id);
    kept(model.nodes.get(id)?.name);
    if (focus) panel.querySelector("h2").focus();
  }

  /* What is looked at stands in the address, so that a link can lead to it. */
  function kept(name) {
    if (!name || model.named(name) !== shown) return;
    try {
      history.replaceState(null, "", `#${new URLSearchParams({ layer: name })}`);
    } catch {
      // some browsers allow no such thing for files
    }
  }

  function close() {
    if (shown === null) return false;
    const within = panel.contains(document.activeElement);
    document.body.classList.remove("detailed");
    panel.replaceChildren();
    shown = null;
    graph.select(null);
    if (within) tabs.focus();
    return true;
  }

  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && close()) event.stopPropagation();
  });

  return { show, close, shown: () => shown };
})();
