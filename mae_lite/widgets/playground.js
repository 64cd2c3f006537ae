// The page of the playground. Python keeps the state and answers; the mask is repainted here without waiting for it.

const LARGEST_UPLOAD = 8e6; // bytes; notebook servers drop larger messages without a word
const MASKS = { random: "Random", block: "Block", grid: "Grid", centre: "Centre", half: "From a side", drawn: "Drawn" };
const PICTURES = { pasted: "Pasted", output: "Raw output", error: "Error map" };
const LARGEST_SEED = 2 ** 31 - 1;
const ONE_MOVE = 800; // milliseconds: changes of one control that follow each other as fast are undone together
const HINT = "photo hides, grey shows again."; // what a stroke does, by the patch it begins on
const DIE = '<svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><rect x="1.5" y="1.5" width="13" height="13" rx="3" fill="none" stroke="currentColor" stroke-width="1.5"/><circle cx="5" cy="5" r="1.3"/><circle cx="11" cy="5" r="1.3"/><circle cx="8" cy="8" r="1.3"/><circle cx="5" cy="11" r="1.3"/><circle cx="11" cy="11" r="1.3"/></svg>';

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

let groups = 0;

// Radio buttons that look like one row of buttons; arrow keys and the one tab stop come with them.
function makeChoice(name, labels, onChoose, shown = (value) => labels[value]) {
  const group = `mae-lite-${groups++}`, inputs = {};
  const row = h("div", { class: "choice", role: "radiogroup", "aria-label": name });
  function add(value) {
    inputs[value] = h("input", { type: "radio", name: group, value, onchange: () => onChoose(value) });
    row.append(h("label", {}, inputs[value], shown(value)));
  }
  Object.keys(labels).forEach(add);
  return { row, inputs, add, choose(value) { if (inputs[value]) inputs[value].checked = true; } };
}

function showBytes(image, bytes) { // bytes: a DataView
  if (!bytes?.byteLength || image.bytes === bytes) return;
  const old = image.src;
  image.bytes = bytes;
  image.src = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
  if (old.startsWith("blob:")) image.addEventListener("load", () => URL.revokeObjectURL(old), { once: true });
}

function render({ model, el }) {
  const get = (name) => model.get(name);
  let settle = 0, photosMade = 0, modelsMade = "";
  let settled = null, moved = { what: "", when: 0 }; // for Undo: what the mask was, and the last change of it
  const past = [];

  function remember(what) {
    const when = performance.now();
    if (settled && (what !== moved.what || when - moved.when > ONE_MOVE)) past.push(settled);
    moved = { what, when };
    undo.disabled = !past.length;
  }
  function ask(changes, what = Object.keys(changes).join()) {
    if (["strategy", "seed", "hidden", "mask"].some((name) => name in changes) && what !== "undo") remember(what);
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.set("request", get("request") + 1);
    model.save_changes();
    result.setAttribute("aria-busy", "true");
  }
  function press(action, more = {}, buffers = []) {
    model.send({ do: action, ...more }, undefined, buffers);
    result.setAttribute("aria-busy", "true");
  }
  function say(text, after) { // one polite sentence once things rest, not one for each step
    clearTimeout(settle);
    settle = setTimeout(() => (live.textContent = text), after);
  }
  function sayRatio(hidden, n) {
    const text = `${hidden} of ${n} patches, ${Math.round((100 * hidden) / n)} %`;
    amount.textContent = text;
    slider.setAttribute("aria-valuetext", text);
  }

  // Photo
  const photos = makeChoice("Photo", {}, (value) => ask({ photo: Number(value) }), (value) => {
    const { name, picture } = get("photos")[value], image = h("img", { alt: name, title: name });
    showBytes(image, picture);
    return picture?.byteLength ? image : name;
  });
  photos.row.classList.add("photos");
  async function upload(file) {
    if (!file) return;
    if (file.size > LARGEST_UPLOAD) {
      const size = (file.size / 1e6).toFixed(1);
      error.textContent = `${file.name} has ${size} MB; only up to 8 MB can be sent, so type its path instead.`;
      return;
    }
    press("upload", { names: [file.name] }, [await file.arrayBuffer()]);
  }
  const file = h("input", { type: "file", accept: "image/*", onchange: () => { upload(file.files[0]); file.value = ""; } });
  const path = h("input", { type: "text", placeholder: "path of a file, then Enter", "aria-label": "Path of an own photo" });
  path.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && path.value.trim()) press("path", { text: path.value });
  });
  const own = h("div", { class: "own" }, h("label", { class: "button" }, file, "Own photo…"), h("span", {}, "or"), path);

  // Mask
  const amount = h("output");
  const slider = h("input", { type: "range", min: 0, step: 1, "aria-label": "Hidden patches" });
  slider.addEventListener("input", () => {
    const hidden = Number(slider.value), order = get("order");
    painter.setMask(order.map((place) => place < hidden));
    sayRatio(hidden, order.length);
    ask({ hidden });
  });
  const strategies = makeChoice("Kind of mask", MASKS, (strategy) => ask({ strategy }));
  const seed = h("input", { type: "number", min: 0, max: LARGEST_SEED, step: 1 });
  function takeSeed() {
    const value = Number(seed.value);
    if (seed.value !== "" && Number.isInteger(value) && value >= 0 && value <= LARGEST_SEED) {
      if (value !== get("seed")) ask({ seed: value });
      return;
    }
    error.textContent = `A seed is a whole number from 0 to ${LARGEST_SEED}, not ${seed.value || "nothing"}; it stays ${get("seed")}.`;
    seed.value = get("seed");
  }
  seed.addEventListener("change", takeSeed);
  seed.addEventListener("keydown", (event) => { if (event.key === "Enter") takeSeed(); });
  const roll = () => ask({ seed: Math.floor(Math.random() * 1000) });
  const dice = h("button", { type: "button", title: "Another seed", "aria-label": "Another seed", onclick: roll });
  function showKind(strategy) { // a drawing has no seed, and rolling the die must not throw it away
    strategies.choose(strategy);
    seed.disabled = dice.disabled = strategy === "drawn";
    hint.textContent = `${strategy === "drawn" ? "Now paint here" : "Click or drag"}: ${HINT}`;
  }
  dice.innerHTML = DIE;

  // Panels
  const canvas = h("canvas", { tabindex: 0, role: "application", "aria-roledescription": "mask painter" });
  const painter = makePainter(canvas, { onPaint: painted, onSay: (text) => say(text, 0) });
  function painted(mask) {
    const hidden = mask.reduce((sum, value) => sum + value, 0);
    showKind("drawn");
    slider.value = hidden;
    sayRatio(hidden, mask.length);
    ask({ mask: new DataView(mask.slice().buffer), strategy: "drawn", hidden });
  }
  function goBack() {
    if (!past.length) return;
    ask(past.pop(), "undo");
    moved.what = "";
    undo.disabled = !past.length;
  }
  canvas.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    event.stopPropagation();
    goBack();
  });
  function repaint(change) {
    painter.setMask(painter.mask.map(change));
    painted(painter.mask);
  }
  const brushes = makeChoice("Brush size in patches", { 1: "1", 2: "2", 3: "3" }, (value) => painter.setBrush(Number(value)));
  brushes.choose(1);
  const invert = h("button", { type: "button", onclick: () => repaint((value) => 1 - value) }, "Invert");
  const clear = h("button", { type: "button", onclick: () => repaint(() => 0) }, "Clear");
  const undo = h("button", { type: "button", disabled: true, onclick: goBack }, "Undo");
  const hint = h("p", { class: "hint" }), scale = h("p", { class: "hint scale" }, "0", h("span"), "half of black to white, or more");
  const result = h("img"), original = h("img"), title = h("figcaption"), sourceTitle = h("figcaption");
  const pictures = makeChoice("Picture", PICTURES, (show) => ask({ show }));
  const source = h("img");
  source.addEventListener("load", () => painter.setPhoto(source));
  const panels = h("div", { class: "panels" },
    h("figure", {}, h("figcaption", {}, "What the model sees"), canvas, hint,
      h("div", { class: "tools" }, h("span", {}, "Brush"), brushes.row, invert, clear, undo)),
    h("figure", {}, title, result, scale, h("div", { class: "tools" }, pictures.row)),
    h("figure", {}, sourceTitle, original));

  // What it says, and the rest
  const live = h("p", { class: "unseen", "aria-live": "polite" });
  const error = h("p", { class: "error", role: "alert" }), notice = h("p", { class: "notice", role: "status" });
  const facts = h("dl", { class: "facts" }), meanings = h("dl");
  const explained = h("details", { class: "meanings" }, h("summary", {}, "What these numbers mean"), meanings);
  const models = h("select", { onchange: () => ask({ chosen: models.value }) });
  const offer = h("p", { class: "offer", role: "status" });
  const fetching = () => { offer.textContent = "Fetching; the notebook waits until it is there."; press("download"); };
  const download = h("button", { type: "button", onclick: fetching }, "Download");
  const code = h("textarea", { readonly: true, spellcheck: "false", "aria-label": "Python for this picture" });
  const button = (text, action) => h("button", { type: "button", onclick: () => press(action) }, text);
  const actions = h("div", { class: "actions" }, h("label", {}, "Model ", models), h("span", { class: "gap" }),
    h("button", { type: "button", onclick: () => { path.value = ""; remember("reset"); press("reset"); } }, "Reset"), button("Save as PNG", "save"), button("Copy as Python", "python"));

  const root = h("div", { class: "mae-lite-lab" },
    photos.row, own,
    h("label", { class: "ratio" }, h("span", {}, "Hidden"), slider, amount),
    h("div", { class: "mask" }, h("span", {}, "Mask"), strategies.row,
      h("span", { class: "seed" }, h("label", {}, "Seed ", seed), dice)),
    panels, error, h("div", { class: "numbers" }, facts, explained), actions, h("div", { class: "fetch" }, offer, download), notice, code, live);
  root.addEventListener("dragover", (event) => event.preventDefault());
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    upload(event.dataTransfer.files[0]);
  });

  function showMenus() { // made anew only if they changed, so that no focus is lost
    for (; photosMade < get("photos").length; photosMade++) photos.add(photosMade);
    photos.choose(get("photo"));
    const rows = JSON.stringify(get("models"));
    if (rows !== modelsMade) {
      const places = { yours: "Given", bundled: "Bundled", cached: "On this machine", download: "To download" };
      const parts = Object.entries(places).map(([where, label]) => h("optgroup", { label },
        ...get("models").filter((m) => m.where === where).map((m) => h("option", { value: m.name }, m.label))));
      models.replaceChildren(...parts.filter((part) => part.children.length));
      modelsMade = rows;
    }
    models.value = get("chosen");
  }

  function showMask() { // only if the answer is to the last change: a stale one must not undo what was painted since
    if (get("answered") !== get("request")) return;
    const [rows, columns] = get("grid"), bytes = get("mask");
    if (canvas.dataset.grid !== `${rows} by ${columns}`) {
      painter.setGrid(rows, columns);
      canvas.dataset.grid = `${rows} by ${columns}`;
      const keys = "Arrow keys move, Space hides or shows a patch, Shift with arrows paints.";
      canvas.setAttribute("aria-label", `Mask on the photo, ${rows} by ${columns} patches. ${keys}`);
      slider.max = get("limit");
      past.length = 0; // masks of another size
    }
    if (bytes.byteLength === rows * columns) painter.setMask(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    showKind(get("strategy"));
    pictures.choose(get("show"));
    scale.hidden = get("show") !== "error";
    seed.value = get("seed");
    slider.value = get("hidden");
    sayRatio(get("hidden"), rows * columns);
    settled = { strategy: get("strategy"), seed: get("seed"), hidden: get("hidden"), mask: new DataView(painter.mask.slice().buffer) };
    undo.disabled = !past.length;
    result.removeAttribute("aria-busy");
  }

  function showAnswer() {
    showMenus();
    showMask();
    for (const [image, name] of [[source, "source"], [original, "source"], [result, "picture"]]) showBytes(image, get(name));
    if (result.alt !== get("alt")) say(get("alt"), 700);
    result.alt = get("alt");
    original.alt = `The photo ${get("photos")[get("photo")]?.name} as the model gets it, with nothing hidden`;
    title.textContent = get("title");
    sourceTitle.textContent = get("source_title");
    error.textContent = get("error");
    notice.textContent = get("notice");
    offer.textContent = get("offer");
    download.hidden = !get("offer");
    facts.replaceChildren(...get("facts").map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value))));
    meanings.replaceChildren(...get("facts").map(([label, , meaning]) => h("div", {}, h("dt", {}, label), h("dd", {}, meaning))));
    if (code.value !== get("code")) {
      code.value = get("code");
      code.rows = code.value.split("\n").length + 1;
      if (code.value) copy();
    }
    code.hidden = !code.value;
  }
  function copy() {
    code.hidden = false;
    code.select();
    navigator.clipboard?.writeText(code.value).then(() => (notice.textContent += " Copied to the clipboard."), () => {});
  }

  // JupyterLab would take arrows and letters for its own shortcuts; those with Ctrl stay its own.
  const keep = (event) => root.contains(event.target) && event.target.toggleAttribute("data-lm-suppress-shortcuts",
    !(event.ctrlKey || event.metaKey || (event.shiftKey && event.key === "Enter")));
  window.addEventListener("keydown", keep, true);
  model.on("change:serial", showAnswer);
  el.append(root);
  showAnswer();
  return () => {
    window.removeEventListener("keydown", keep, true);
    model.off("change:serial", showAnswer);
  };
}

export default { render };
