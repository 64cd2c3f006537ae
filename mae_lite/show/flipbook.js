// Turns the stills of each new flipbook on the page into one picture with a slider. Without this they stay as they are.
for (const root of fresh("flipbook")) {
  const book = dataOf(root);
  const stills = root.querySelector(".mae-lite-stills");
  stills.querySelectorAll("img").forEach((still, k) => { book.frames[book.stills[k]] = still.src; });

  const last = book.frames.length - 1;
  const picture = stills.querySelector("img").cloneNode();
  picture.decoding = "sync"; // no flash of white between two frames
  const bar = make("div", "display:flex;flex-wrap:wrap;align-items:center;gap:4px 12px;margin-top:6px");
  const slider = make("input", "flex:1 1 12em;margin:0;height:24px",
    { type: "range", min: 0, max: last, step: 1, label: book.name });
  const count = make("span", "font-variant-numeric:tabular-nums");
  count.setAttribute("aria-hidden", "true"); // the slider says it
  const label = make("div", "line-height:1.4;min-height:1.4em;font-variant-numeric:tabular-nums", { role: "status" });

  const show = (index) => {
    slider.value = index;
    picture.src = book.frames[index];
    picture.alt = book.alts[index];
    label.textContent = book.labels[index];
    count.textContent = `${index + 1} of ${last + 1}`;
    slider.setAttribute("aria-valuetext", `${book.name} ${count.textContent}`);
  };
  let timer = 0;
  const button = make("button", `${BUTTON};min-width:5em`, { type: "button", textContent: "Play" });
  const play = (on) => {
    clearInterval(timer);
    button.textContent = on ? "Pause" : "Play";
    label.setAttribute("aria-live", on ? "off" : "polite"); // a playing film is not read out frame by frame
    if (on) timer = setInterval(() => {
      if (!root.isConnected || Number(slider.value) === last) return play(false);
      show(Number(slider.value) + 1);
    }, 700);
  };
  button.onclick = () => {
    if (button.textContent === "Pause") return play(false);
    if (Number(slider.value) === last) show(0);
    play(true);
  };
  slider.oninput = () => { play(false); show(Number(slider.value)); };

  play(false);
  show(book.start);
  stills.replaceChildren(picture);
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) bar.append(button);
  bar.append(slider, count);
  keepKeys(bar.children);
  root.append(bar, label);
}
