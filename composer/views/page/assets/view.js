/* Panning and zooming: the scene moves, its surface stays. */
const view = (() => {
  const surface = byId("graph");
  const scene = byId("scene");
  const CLOSEST = 3;
  let x = 0;
  let y = 0;
  let scale = 1;
  let size = { width: 1, height: 1 };
  const fingers = new Map();
  let moved = 0;

  function place() {
    scene.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
  }

  const farthest = () => Math.min(0.05, smallest());
  const smallest = () => {
    const { width, height } = surface.getBoundingClientRect();
    return Math.min(width / size.width, height / size.height);
  };

  function zoom(factor, at = null) {
    const { width, height } = surface.getBoundingClientRect();
    const [cx, cy] = at || [width / 2, height / 2];
    const next = Math.min(CLOSEST, Math.max(farthest(), scale * factor));
    x = cx - (cx - x) * (next / scale);
    y = cy - (cy - y) * (next / scale);
    scale = next;
    place();
  }

  function move(dx, dy) {
    x += dx;
    y += dy;
    place();
  }

  /* All of it where that can be read, else its upper end. */
  function fit(readable = false) {
    const { width, height } = surface.getBoundingClientRect();
    const margin = 24;
    const whole = Math.min(
      (width - margin) / size.width, (height - margin) / size.height, 1.2);
    const across = Math.min((width - margin) / size.width, 1);
    scale = readable && whole < 0.6 ? Math.max(across, 0.6) : whole;
    x = Math.max((width - size.width * scale) / 2, readable ? margin / 2 : -Infinity);
    y = Math.max((height - size.height * scale) / 2, margin / 2);
    if (readable && x === margin / 2) x = (width - size.width * scale) / 2;
    place();
  }

  const onScreen = (rectangle) => ({
    x: rectangle.x * scale + x, y: rectangle.y * scale + y,
    width: rectangle.width * scale, height: rectangle.height * scale,
  });

  /* Move as little as shows a rectangle of the scene; or put it into the middle. */
  function show(rectangle, centred = false) {
    const { width, height } = surface.getBoundingClientRect();
    if (centred && scale < 0.6) scale = 0.9;
    const there = onScreen(rectangle);
    const margin = 40;
    const off = (start, length, room) => {
      if (centred || length > room - 2 * margin) return (room - length) / 2 - start;
      if (start < margin) return margin - start;
      return start + length > room - margin ? room - margin - start - length : 0;
    };
    move(off(there.x, there.width, width), off(there.y, there.height, height));
  }

  surface.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { left, top } = surface.getBoundingClientRect();
    const unit = event.deltaMode === 1 ? 16 : 1;
    if (event.ctrlKey || event.metaKey) {
      zoom(Math.exp(-event.deltaY * unit * 0.008), [event.clientX - left, event.clientY - top]);
    } else if (event.shiftKey) move(-(event.deltaY || event.deltaX) * unit, 0);
    else move(-event.deltaX * unit, -event.deltaY * unit);
  }, { passive: false });

  const middle = () => {
    const all = [...fingers.values()];
    const at = [0, 1].map((axis) => all.reduce((sum, one) => sum + one[axis], 0) / all.length);
    const apart = all.length > 1 ? Math.hypot(all[0][0] - all[1][0], all[0][1] - all[1][1]) : 0;
    return { at, apart };
  };

  surface.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    if (!fingers.size) moved = 0;
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
  });
  surface.addEventListener("pointermove", (event) => {
    if (!event.buttons) fingers.delete(event.pointerId);
    if (!fingers.has(event.pointerId)) return;
    const before = middle();
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    const now = middle();
    const [dx, dy] = [now.at[0] - before.at[0], now.at[1] - before.at[1]];
    moved += Math.abs(dx) + Math.abs(dy);
    if (moved > 4 && !surface.hasPointerCapture(event.pointerId)) {
      surface.setPointerCapture(event.pointerId);
    }
    move(dx, dy);
    if (before.apart && now.apart) {
      const { left, top } = surface.getBoundingClientRect();
      zoom(now.apart / before.apart, [now.at[0] - left, now.at[1] - top]);
    }
  });
  for (const end of ["pointerup", "pointercancel"]) {
    surface.addEventListener(end, (event) => fingers.delete(event.pointerId));
  }

  return {
    surface, scene, zoom, move, fit, show, onScreen,
    sized: (place) => { size = place; },
    wasDragged: () => moved > 4,
  };
})();
