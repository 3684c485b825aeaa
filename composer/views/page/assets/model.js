/* What there is, and what of it is shown: nodes in folds, folds in the boxes of their sources. */
const page = JSON.parse(byId("data").textContent);
const MARKS = {
  added: ["+", "added"],
  removed: ["−", "removed"],
  changed: ["~", "changed"],
  rewired: ["⇄", "rewired"],
  weights: ["≠", "other weights"],
  renamed: ["»", "renamed"],
};

const model = (() => {
  const { picture } = page;
  const nodes = new Map(picture.nodes.map((node) => [node.id, node]));
  const folds = new Map();
  const parents = new Map();
  const opened = new Set();
  let leftOut = page.leftOut;

  function indexed(item, parent) {
    const id = typeof item === "string" ? item : item.id;
    parents.set(id, parent);
    if (typeof item === "string") return [nodes.get(item)];
    const inside = item.members.flatMap((member) => indexed(member, id));
    folds.set(id, { ...item, ...described(item, inside), nodes: inside, parent });
    return inside;
  }

  /* A fold's box, kind, lines and marks follow from the nodes in it. */
  function described(fold, inside) {
    const kinds = new Map();
    const marks = new Map();
    for (const node of inside) {
      kinds.set(node.kind, (kinds.get(node.kind) || 0) + 1);
      if (node.marks.length) marks.set(node.marks[0], (marks.get(node.marks[0]) || 0) + 1);
    }
    const kind = [...kinds].sort((a, b) => b[1] - a[1])[0][0];
    const each = inside.length / fold.times;
    let size = fold.times === 1 ? counted(inside.length, "layer") : `${fold.times} × ${each} layers`;
    if (each === 1) size = `${fold.times} × ${inside[0].class}`;
    const told = Object.keys(MARKS).filter((mark) => marks.has(mark));
    const lines = [fold.name, size];
    if (told.length) {
      const words = told.map((mark) => `${MARKS[mark][0]}${marks.get(mark)} ${MARKS[mark][1]}`);
      lines.push(words.join(", "));
    }
    const box = inside.every((node) => node.box === inside[0].box) ? inside[0].box : null;
    return { kind, box, lines, out: inside.every((node) => node.out), mark: told[0] || null };
  }

  for (const item of picture.folds) indexed(item, null);
  for (const node of nodes.values()) {
    node.mark = node.marks[0] || null;
    node.lines = [node.name, node.class || "output"];
    if (node.out) {
      const by = node.note && node.kind !== "unreachable" ? ` by ${node.note}` : "";
      node.lines.push(`${node.kind}${by}`);
    }
    if (node.marks.length) {
      node.lines.push(node.marks.map((mark) => MARKS[mark].join(" ")).join(", "));
    }
  }

  const thing = (id) => nodes.get(id) || folds.get(id);

  /* Items as they are shown: a node, a fold in one piece, or an open fold with what is in it. */
  function shown(items = picture.folds) {
    const found = [];
    for (const item of items) {
      const id = typeof item === "string" ? item : item.id;
      if (thing(id).out && !leftOut) continue;
      const open = opened.has(id);
      found.push({ id, open, children: open ? shown(item.members) : [] });
    }
    return found;
  }

  /* For each node the item that stands for it, and the lines between those. */
  function lines(items) {
    const holders = new Map();
    const walk = (item) => {
      if (item.open) item.children.forEach(walk);
      else for (const node of folds.get(item.id)?.nodes || [nodes.get(item.id)]) {
        holders.set(node.id, item.id);
      }
    };
    items.forEach(walk);
    const found = new Map();
    for (const edge of picture.edges) {
      const start = holders.get(edge.start);
      const end = holders.get(edge.end);
      if (!start || !end || (start === end && edge.start !== edge.end)) continue;
      const ends = [thing(start), thing(end)];
      const told = edge.seam || folds.has(start) || folds.has(end) || ends[0].box !== ends[1].box;
      let label = told ? edge.shape : "";
      if (edge.changed) label = `≠ ${label || "another shape"}`;
      if (edge.mark) label = `${MARKS[edge.mark][0]} ${label}`.trim();
      const key = `${start} ${end} ${label}`;
      if (!found.has(key) || (edge.seam && !found.get(key).seam)) {
        const out = ends.some((one) => one.out);
        found.set(key, { ...edge, start, end, label, out });
      }
    }
    return [...found.values()];
  }

  function above(id) {
    const found = [];
    for (let at = parents.get(id); at; at = parents.get(at)) found.push(at);
    return found;
  }

  return {
    picture, nodes, folds, opened, thing, shown, lines, above,
    parent: (id) => parents.get(id),
    isLeftOutShown: () => leftOut,
    showLeftOut: (value) => { leftOut = value; },
    /* The node for what a reference such as lstm#0.1 names. */
    named: (() => {
      const names = new Map();
      for (const node of nodes.values()) {
        if (node.kind !== "output" && !names.has(node.name)) names.set(node.name, node.id);
      }
      return (reference) =>
        names.get(reference) || names.get(reference.replace(/#\d+(\.\d+)?$/, "")) || null;
    })(),
    /* All that are marked; those that have another name and nothing else come last. */
    marked: [...nodes.values()].filter((node) => node.marks.length)
      .sort((a, b) => (a.marks[0] === "renamed") - (b.marks[0] === "renamed"))
      .map((node) => node.id),
  };
})();
