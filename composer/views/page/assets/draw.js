/* What is laid out, as elements of the scene: boxes, open folds, lines, nodes, labels. */
const draw = (() => {
  const round = (value) => Math.round(value * 10) / 10;
  const rectangle = (place, attributes) =>
    drawn("rect", {
      x: round(place.x), y: round(place.y), width: round(place.width), height: round(place.height),
      ...attributes,
    });

  function fitting(text, width) {
    let most = text.length;
    while (most > 4 && layout.width(halves(text, most)) > width) most -= 1;
    return halves(text, most);
  }

  function spoken(item) {
    const thing = model.thing(item.id);
    const source = thing.box === null ? "" : `of ${thing.box}`;
    if (!model.folds.has(item.id)) {
      return [...thing.lines, thing.kind === "new" ? "new" : "", source].filter(Boolean).join(", ");
    }
    return [...thing.lines, source, item.open ? "unfolded" : "folded"].filter(Boolean).join(", ");
  }

  const title = (text) => {
    const made = drawn("title");
    made.textContent = text;
    return made;
  };

  const words = (text, attributes) => {
    const made = drawn("text", attributes);
    made.textContent = text;
    return made;
  };

  function box(place, number, text) {
    return drawn("g", {},
      rectangle(place, { class: `box box${number % model.picture.colors}`, rx: 8 }), title(text));
  }

  /* What stands in a box, over the lines that lead into it. */
  function heading(place, number, text) {
    return words(fitting(text, place.width - 24), {
      class: `name start on${number % model.picture.colors}`,
      x: round(place.x + 14), y: round(place.y + 21),
    });
  }

  function item(shown, place) {
    const thing = model.thing(shown.id);
    const isFold = model.folds.has(shown.id);
    const made = drawn("g", {
      "class": ["item", thing.kind, thing.out ? "out" : "", thing.mark || "",
        isFold ? "fold" : "", shown.open ? "open" : ""].filter(Boolean).join(" "),
      "data-id": shown.id,
      "role": "button",
      "tabindex": -1,
      "aria-label": spoken(shown),
      "aria-expanded": isFold ? String(shown.open) : null,
    });
    made.append(title(thing.lines.join("\n")));
    if (shown.open) {
      made.append(
        rectangle(place, { class: "ground", rx: 6 }),
        words(`▾ ${fitting(thing.lines[0], place.width - 50)}`, {
          class: "name start", x: round(place.x + 10), y: round(place.y + 20),
        }));
      return made;
    }
    const port = thing.kind === "input" || thing.kind === "output";
    const radius = port ? place.height / 2 : 5;
    if (isFold) {
      made.append(rectangle({ ...place, x: place.x + 4, y: place.y + 4 }, { class: "behind", rx: 5 }));
    }
    made.append(rectangle(place, { class: "ground", rx: round(radius) }));
    thing.lines.forEach((line, number) => made.append(
      words(halves(line, 44), {
        class: number ? "under" : "name",
        x: round(place.x + place.width / 2),
        y: round(place.y + 17 + layout.LINE * number),
      })));
    return made;
  }

  function head(points) {
    const [[x0, y0], [x1, y1]] = points.slice(-2);
    const length = Math.hypot(x1 - x0, y1 - y0) || 1;
    const [ax, ay] = [(x1 - x0) / length, (y1 - y0) / length];
    return [[x1, y1], [x1 - 7 * ax - 3.5 * ay, y1 - 7 * ay + 3.5 * ax],
      [x1 - 7 * ax + 3.5 * ay, y1 - 7 * ay - 3.5 * ax]]
      .map(([x, y]) => `${round(x)},${round(y)}`).join(" ");
  }

  function line(edge, path) {
    if (path.points.length < 2) return null;
    const looks = [edge.out ? "gone" : edge.changed ? "other" : edge.seam ? "seam" : "",
      edge.mark || ""].filter(Boolean).join(" ");
    return drawn("g", { "class": `line ${looks}`, "aria-hidden": "true" },
      drawn("polyline", { points: path.points.map(([x, y]) => `${round(x)},${round(y)}`).join(" ") }),
      drawn("polygon", { points: head(path.points) }));
  }

  function label(edge, path) {
    if (!path.label) return null;
    return drawn("g", { "class": `label ${edge.mark || ""}`, "aria-hidden": "true" },
      rectangle(path.label, { class: "halo" }),
      words(edge.label, {
        x: round(path.label.x + path.label.width / 2), y: round(path.label.y + 10),
      }));
  }

  /* The elements of a scene, those behind first. */
  function scene(items, lines, { places, paths }) {
    const made = [];
    const headings = [];
    model.picture.boxes.forEach((one, number) => {
      const place = places.get(`b${number}`);
      if (!place) return;
      made.push(box(place, number, one.title));
      headings.push(heading(place, number, one.title));
    });
    const groups = [];
    const leaves = [];
    const walk = (one) => {
      (one.open ? groups : leaves).push(item(one, places.get(one.id)));
      one.children.forEach(walk);
    };
    items.forEach(walk);
    lines.forEach((edge, number) => groups.push(line(edge, paths[number])));
    lines.forEach((edge, number) => leaves.push(label(edge, paths[number])));
    return [...made, ...groups, ...headings, ...leaves].filter(Boolean);
  }

  return { scene };
})();
