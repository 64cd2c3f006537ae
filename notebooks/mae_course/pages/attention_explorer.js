// Turns the still of each new explorer on the page into one to walk about in. Without this it stays as it is.
for (const root of fresh("attention")) {
  const page = dataOf(root);
  const { rows, columns } = page;
  const at = { patch: page.patch, layer: page.layer };

  const frame = () => make("div", `position:absolute;pointer-events:none;box-sizing:border-box;border:2px solid #fff;` +
    `outline:2px solid #000;width:${100 / columns}%;height:${100 / rows}%`);
  const place = (mark) => { // over the patch, in shares of whatever it lies on
    mark.style.top = `${100 * Math.floor(at.patch / columns) / rows}%`;
    mark.style.left = `${100 * (at.patch % columns) / columns}%`;
  };
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const number = (value) => value.toFixed(value < 9.95 ? 1 : 0);

  const shape = `position:relative;aspect-ratio:${columns} / ${rows}`;
  const pointing = "cursor:crosshair;touch-action:manipulation;user-select:none";
  const photo = make("img", "display:block;width:100%;height:100%", {
    src: page.picture, alt: page.alt, draggable: false,
  });
  const mark = frame();
  const picker = make("div", `${shape};${pointing}`, {
    tabIndex: 0, role: "application", // arrow keys are for it, also with a screen reader
    label: "patch that attends; arrow keys choose it, Page Up and Page Down the layer",
  }, photo, mark);

  const models = page.models.map(({ name, sprite, facts }) => {
    const heads = Array.from({ length: page.heads }, (_, head) => {
      const canvas = make("canvas", "display:block;width:100%;height:100%;image-rendering:pixelated", {
        width: columns, height: rows, role: "img",
      });
      const own = frame(), words = make("div", "font-size:85%;line-height:1.3;font-variant-numeric:tabular-nums");
      const box = make("div", `${shape};${pointing}`, {}, canvas, own);
      point(box);
      return { canvas, own, words, box, shown: make("div", "min-width:0", {}, box, words), head };
    });
    const sheet = new Image();
    sheet.src = sprite;
    const read = facts.map((fact) => ({ ...fact, values: bytes(fact.bytes) }));
    const grid = make("div", `display:grid;gap:6px;grid-template-columns:repeat(${page.heads},minmax(0,1fr))`, {},
      ...heads.map((head) => head.shown));
    return { name, sheet, heads, facts: read, shown: make("div", "margin-bottom:8px", {}, make("b", "", {
      textContent: name,
    }), grid) };
  });

  const slider = make("input", "flex:1 1 8em;margin:0;height:24px", {
    type: "range", min: 1, max: page.layers, step: 1, label: "layer",
  });
  const count = make("span", "font-variant-numeric:tabular-nums");
  count.setAttribute("aria-hidden", "true"); // the slider says it
  const status = make("div", "line-height:1.4;min-height:2.8em;font-variant-numeric:tabular-nums", { role: "status" });

  const show = () => {
    const row = Math.floor(at.patch / columns), column = at.patch % columns;
    slider.value = at.layer + 1;
    count.textContent = `layer ${at.layer + 1} of ${page.layers}`;
    slider.setAttribute("aria-valuetext", count.textContent);
    place(mark);
    const said = models.map(({ name, sheet, heads, facts }) => {
      for (const { canvas, own, words, head } of heads) {
        place(own);
        const pen = canvas.getContext("2d");
        pen.imageSmoothingEnabled = false;
        if (sheet.complete && sheet.naturalWidth) { // the map of this patch, head and layer
          pen.drawImage(sheet, (head * columns + column) * columns, (at.layer * rows + row) * rows, columns, rows,
            0, 0, columns, rows);
        }
        const told = facts.map((fact) => fact.words.replace("{}", number(value(fact, head))));
        words.replaceChildren(`head ${head + 1}`, ...told.flatMap((text) => [document.createElement("br"), text]));
        canvas.setAttribute("aria-label", `${name}, head ${head + 1}: ${told.join(", ")}`);
      }
      const first = heads.map(({ head }) => number(value(facts[0], head))).join(", ");
      return `${name}, head by head: ${facts[0].words.replace("{}", first)}`;
    });
    const kind = page.kinds ? `, ${page.kinds[at.patch]}` : "";
    status.textContent = `Row ${row + 1}, column ${column + 1}${kind}, layer ${at.layer + 1}. ${said.join(". ")}.`;
  };
  function value(fact, head) {
    return fact.step * fact.values[(at.layer * page.heads + head) * rows * columns + at.patch];
  }
  function go(row, column, layer) {
    const within = (x, most) => Math.min(Math.max(x, 0), most - 1);
    at.patch = within(row, rows) * columns + within(column, columns);
    at.layer = within(layer, page.layers);
    show();
  }
  function point(box) { // on the photo and on every map
    const move = (event) => {
      const where = box.getBoundingClientRect();
      go(Math.floor(((event.clientY - where.top) / where.height) * rows),
        Math.floor(((event.clientX - where.left) / where.width) * columns), at.layer);
    };
    box.onclick = (event) => { move(event); picker.focus({ preventScroll: true }); };
    box.onpointermove = (event) => { if (event.pointerType === "mouse" && event.buttons & 1) move(event); };
  }
  const steps = {
    ArrowUp: [-1, 0, 0], ArrowDown: [1, 0, 0], ArrowLeft: [0, -1, 0], ArrowRight: [0, 1, 0],
    PageUp: [0, 0, 1], PageDown: [0, 0, -1],
  };
  picker.onkeydown = (event) => {
    const step = steps[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const row = Math.floor(at.patch / columns);
    go(row + step[0], (at.patch % columns) + step[1], at.layer + step[2]);
  };
  slider.oninput = () => { at.layer = Number(slider.value) - 1; show(); };
  point(picker);

  const scale = make("span", "display:inline-flex;vertical-align:middle;margin:0 4px", {}, ...page.palette.map(
    (colour) => make("span", `display:inline-block;width:8px;height:12px;background:#${colour}`)));
  scale.setAttribute("aria-hidden", "true");
  const even = 100 / (rows * columns + 1);
  const legend = make("div", "font-size:85%", {}, "attention: none", scale,
    `${Math.round(100 * page.top)} % or more on one patch; spread evenly it would be ${even.toFixed(1)} % on each`);
  const left = make("div", "flex:1 1 200px;max-width:300px;min-width:0", {},
    make("b", "", { textContent: "the patch that attends" }), picker,
    make("div", "display:flex;flex-wrap:wrap;align-items:center;gap:4px 10px;margin-top:6px", {}, slider, count),
    make("div", "font-size:85%", { textContent: "Click, or use the arrow keys; Page Up and Page Down change the layer." }));
  const right = make("div", "flex:2 1 280px;min-width:0", {}, ...models.map((model) => model.shown), legend);
  const board = make("div", "display:flex;flex-wrap:wrap;gap:12px 20px", {}, left, right);
  keepKeys([picker, slider]);
  root.querySelector(".mae-lite-stills").replaceChildren(board, status);
  show();
  for (const { sheet } of models) sheet.decode().then(show, () => {});
}
