// A photo under a mask of patches, on a canvas. Pointer and keys change the mask; the caller hears of each change.
// This file and playground.js are joined into one module: nothing is built and nothing is fetched.

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

// onPaint(mask) after a change, onSay(text) for what the cursor is on.
function makePainter(canvas, { onPaint, onSay }) {
  const pen = canvas.getContext("2d");
  let rows = 1, columns = 1, size = 1, mask = new Uint8Array(1), photo = null, brush = 1;
  let cursor = [0, 0], hover = null, stroke = null, last = null, hatch = null;

  function setGrid(newRows, newColumns) {
    [rows, columns] = [newRows, newColumns];
    size = Math.max(8, Math.round(672 / Math.max(rows, columns)));
    [canvas.width, canvas.height] = [columns * size, rows * size];
    canvas.style.aspectRatio = `${columns} / ${rows}`;
    cursor = [rows >> 1, columns >> 1];
    hatch = makeHatch();
  }

  function makeHatch() { // hidden patches differ by pattern, not by colour alone
    const tile = document.createElement("canvas");
    tile.width = tile.height = 12;
    const ink = tile.getContext("2d");
    ink.fillStyle = "#767676";
    ink.fillRect(0, 0, 12, 12);
    ink.strokeStyle = "#8e8e8e";
    ink.lineWidth = 2;
    for (const x of [-12, 0, 12]) {
      ink.moveTo(x, 12);
      ink.lineTo(x + 12, 0);
    }
    ink.stroke();
    return pen.createPattern(tile, "repeat");
  }

  function draw() {
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.imageSmoothingEnabled = false;
    if (photo) pen.drawImage(photo, 0, 0, canvas.width, canvas.height);
    pen.fillStyle = hatch;
    pen.strokeStyle = "rgba(255, 255, 255, 0.28)";
    pen.lineWidth = 1;
    mask.forEach((hidden, i) => {
      if (!hidden) return;
      const x = (i % columns) * size, y = Math.floor(i / columns) * size;
      pen.fillRect(x, y, size, size);
      pen.strokeRect(x + 0.5, y + 0.5, size - 1, size - 1);
    });
    if (document.activeElement === canvas && canvas.matches(":focus-visible")) outline(cursor, 6);
    else if (hover) outline(hover, 4);
  }

  function outline(at, width) { // white on black, to be seen on any photo
    const [top, left, bottom, right] = footprint(at);
    for (const [colour, thick] of [["#000", width], ["#fff", width / 2]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = thick;
      pen.strokeRect(left * size + 2, top * size + 2, (right - left) * size - 4, (bottom - top) * size - 4);
    }
  }

  function footprint([row, column]) { // top, left, bottom, right of what the brush covers
    const before = (brush - 1) >> 1;
    const top = Math.max(0, row - before), left = Math.max(0, column - before);
    return [top, left, Math.min(rows, row - before + brush), Math.min(columns, column - before + brush)];
  }

  function dab(at, value) {
    const [top, left, bottom, right] = footprint(at);
    let changed = false;
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        changed ||= mask[row * columns + column] !== value;
        mask[row * columns + column] = value;
      }
    }
    return changed;
  }

  function line(from, to, value) { // every patch on the way, however fast the pointer moved
    const steps = Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]), 1);
    let changed = false;
    for (let k = 0; k <= steps; k++) {
      const at = [0, 1].map((axis) => Math.round(from[axis] + ((to[axis] - from[axis]) * k) / steps));
      changed = dab(at, value) || changed;
    }
    draw();
    if (changed) onPaint(mask);
  }

  const isHidden = ([row, column]) => mask[row * columns + column];

  function patchAt(event) {
    const box = canvas.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
    return [Math.min(Math.max(row, 0), rows - 1), Math.min(Math.max(column, 0), columns - 1)];
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    last = cursor = patchAt(event);
    stroke = isHidden(last) ? 0 : 1; // the first patch decides for the whole stroke
    line(last, last, stroke);
  });
  canvas.addEventListener("pointermove", (event) => {
    hover = event.pointerType === "touch" ? null : patchAt(event);
    if (stroke === null) return draw();
    const to = patchAt(event);
    if (to[0] !== last[0] || to[1] !== last[1]) line(last, to, stroke);
    last = cursor = to;
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (stroke = null));
  canvas.addEventListener("pointerleave", () => { hover = null; draw(); });
  for (const name of ["focus", "blur"]) canvas.addEventListener(name, () => { keyStroke = null; draw(); });

  let keyStroke = null; // what Shift with arrows paints until an arrow moves without it: as Space did, else as a stroke
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = ARROWS[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    const from = cursor;
    if (step) {
      cursor = [Math.min(Math.max(from[0] + step[0], 0), rows - 1), Math.min(Math.max(from[1] + step[1], 0), columns - 1)];
    }
    if (event.key === " ") {
      keyStroke = isHidden(cursor) ? 0 : 1;
      line(cursor, cursor, keyStroke);
    } else if (event.shiftKey) {
      keyStroke ??= isHidden(from) ? 0 : 1;
      line(from, cursor, keyStroke);
    } else {
      keyStroke = null;
      draw();
    }
    onSay(`row ${cursor[0] + 1}, column ${cursor[1] + 1}, ${isHidden(cursor) ? "hidden" : "visible"}`);
  });

  return {
    setGrid,
    draw,
    setPhoto(image) { photo = image; draw(); },
    setMask(values) { mask = Uint8Array.from(values); draw(); },
    setBrush(value) { brush = value; },
    get mask() { return mask; },
  };
}
