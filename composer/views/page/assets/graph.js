/* The picture at work: folding, walking with the keyboard, finding a layer in it. */
const graph = (() => {
  const { surface, scene } = view;
  let items = [];
  let lines = [];
  let laid = null;
  let current = null;
  let selected = null;
  let hits = new Set();
  let turn = 0;

  const elementOf = (id) => scene.querySelector(`[data-id="${CSS.escape(id)}"]`);
  const placeOf = (id) => laid?.places.get(id);

  /* The item that stands for a node or fold: itself, or the outermost closed fold around it. */
  function holder(id) {
    const closed = model.above(id).filter((fold) => !model.opened.has(fold));
    return closed.length ? closed[closed.length - 1] : id;
  }

  function flat(list) {
    return list.flatMap((item) => [item, ...flat(item.children)]);
  }

  /* Lay out what is shown now; true where that worked and nothing newer was asked meanwhile. */
  async function redraw() {
    turn += 1;
    const mine = turn;
    const nextItems = model.shown();
    const nextLines = model.lines(nextItems);
    const count = flat(nextItems).length;
    if (count > page.layout.most) {
      throw new Error(`${counted(count, "node")} are too many for one picture; expected ` +
        `${page.layout.most.toLocaleString("en")} at most. Unfold less.`);
    }
    surface.setAttribute("aria-busy", "true");
    const slow = setTimeout(() => say(`Laying out ${counted(count, "node")} …`), 250);
    try {
      const next = await layout.laidOut(nextItems, nextLines);
      if (mine !== turn) return false;
      [items, lines, laid] = [nextItems, nextLines, next];
      scene.replaceChildren(...draw.scene(items, lines, laid));
      view.sized(laid.places.get("root"));
      const layers = [...model.nodes.values()].filter(({ kind }) => kind === "kept" || kind === "new")
        .length;
      const single = flat(items).filter((item) => !item.open).length;
      say(`${counted(single, "node")} shown, for ${counted(layers, "layer")}`);
      paint();
      return true;
    } finally {
      clearTimeout(slow);
      if (mine === turn) surface.removeAttribute("aria-busy");
    }
  }

  function paint() {
    const holders = new Set([...hits].map(holder));
    for (const made of scene.querySelectorAll(".item")) {
      const { id } = made.dataset;
      made.classList.toggle("selected", selected !== null && holder(selected) === id);
      made.classList.toggle("hit", holders.has(id));
      made.setAttribute("tabindex", id === current ? 0 : -1);
    }
    if (!current || !elementOf(current)) {
      current = items.length ? items[0].id : null;
      if (current) elementOf(current).setAttribute("tabindex", 0);
    }
  }

  /* Change what is open, and keep what was asked for where it stands on the screen. */
  async function changed(change, anchor, after = anchor) {
    const before = new Set(model.opened);
    const stood = anchor && placeOf(anchor) ? view.onScreen(placeOf(anchor)) : null;
    const focused = scene.contains(document.activeElement);
    change();
    try {
      if (!(await redraw())) return false;
    } catch (error) {
      model.opened.clear();
      before.forEach((id) => model.opened.add(id));
      say(String(error.message || error));
      return false;
    }
    const now = after && placeOf(after) ? view.onScreen(placeOf(after)) : null;
    if (stood && now) {
      view.move(stood.x + stood.width / 2 - now.x - now.width / 2, stood.y - now.y);
    }
    if (focused && after) focus(after);
    return true;
  }

  function focus(id) {
    if (!elementOf(id)) return;
    current = id;
    paint();
    elementOf(id).focus({ preventScroll: true });
    view.show(placeOf(id));
  }

  function toggle(id) {
    const open = model.opened.has(id);
    return changed(() => {
      if (open) model.opened.delete(id);
      else model.opened.add(id);
    }, id).then(() => { if (details.shown() === id) details.show(id); });
  }

  /* Unfold what is around a node, put it into the middle, and say what it is. */
  async function go(id) {
    tabs.open("graph");
    if (model.thing(id).out && !model.isLeftOutShown()) {
      model.showLeftOut(true);
      byId("left-out").checked = true;
    }
    const closed = model.above(id).filter((fold) => !model.opened.has(fold));
    if (closed.length || !placeOf(id)) {
      if (!(await changed(() => closed.forEach((fold) => model.opened.add(fold)), null))) return;
    }
    current = id;
    details.show(id);
    view.show(placeOf(id), true);
    elementOf(id)?.focus({ preventScroll: true });
  }

  function every(open) {
    return changed(() => {
      model.opened.clear();
      if (open) for (const id of model.folds.keys()) model.opened.add(id);
    }, null).then((done) => done && view.fit(true));
  }

  /* To the next layer that is marked, before (-1) or behind (1) the one that is selected. */
  function step(way) {
    const all = model.marked;
    if (!all.length) return;
    const at = all.indexOf(selected);
    const next = at < 0 ? (way > 0 ? 0 : all.length - 1) : (at + way + all.length) % all.length;
    go(all[next]).then(() => say(`Change ${next + 1} of ${all.length}`));
  }

  function neighbour(id, key) {
    const centre = ({ x, y, width, height }) => [x + width / 2, y + height / 2];
    const [x, y] = centre(placeOf(id));
    const far = (other) => {
      const [ox, oy] = centre(placeOf(other));
      return Math.hypot(ox - x, oy - y);
    };
    const nearest = (ids) => ids.filter((other) => other !== id && placeOf(other))
      .sort((a, b) => far(a) - far(b))[0];
    const open = items && flat(items).find((item) => item.id === id && item.open);
    if (key === "ArrowDown" && open) return open.children[0].id;
    if (key === "ArrowDown" || key === "ArrowUp") {
      const down = key === "ArrowDown";
      const linked = lines.filter((line) => (down ? line.start : line.end) === id)
        .map((line) => (down ? line.end : line.start));
      if (linked.length) return nearest(linked);
    }
    const order = flat(items).map((item) => item.id)
      .sort((a, b) => placeOf(a).y - placeOf(b).y || placeOf(a).x - placeOf(b).x);
    const back = key === "ArrowLeft" || key === "ArrowUp";
    return order[order.indexOf(id) + (back ? -1 : 1)];
  }

  function activate(id, keyboard) {
    if (model.folds.has(id)) {
      details.show(id);
      return toggle(id);
    }
    return details.show(id, keyboard);
  }

  scene.addEventListener("click", (event) => {
    const made = event.target.closest(".item");
    if (!made || view.wasDragged()) return;
    current = made.dataset.id;
    paint();
    elementOf(current).focus({ preventScroll: true });
    activate(current, false);
  });
  scene.addEventListener("focusin", (event) => {
    const made = event.target.closest(".item");
    if (!made || made.dataset.id === current) return;
    current = made.dataset.id;
    paint();
  });
  scene.addEventListener("keydown", (event) => {
    const id = event.target.closest(".item")?.dataset.id;
    if (!id || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.startsWith("Arrow")) {
      const next = neighbour(id, event.key);
      if (next) focus(next);
    } else if (event.key === "Enter" || event.key === " ") activate(id, true);
    else if (event.key === "Escape" && !details.close()) {
      const around = model.parent(id);
      if (!around) return;
      changed(() => model.opened.delete(around), id, around);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });

  // Where the surface shrinks, as for the details, what is looked at stays in sight.
  new ResizeObserver(() => {
    if (surface.clientWidth && current && placeOf(current)) view.show(placeOf(current));
  }).observe(surface);

  return {
    redraw, toggle, go, every, step,
    refresh: () => changed(() => {}, current),
    focus: () => current && focus(current),
    select: (id) => { selected = id; paint(); },
    hit: (ids) => { hits = new Set(ids); paint(); },
  };
})();
