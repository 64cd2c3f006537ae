// One slide at a time: arrow keys, Page Up and Down, Home and End; N shows the notes, S opens them in a window of their own.
// Without this all slides stand below each other.
const slides = [...document.querySelectorAll("section")];
const minutes = slides.map((slide) => Number(slide.dataset.minutes));
const bar = document.createElement("nav");
bar.className = "bar";
bar.setAttribute("aria-label", "slides");
const place = document.createElement("span");
place.setAttribute("role", "status");
let now = 0;
let speaker = null;

const button = (text, name, action) => {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: text, onclick: action });
  made.setAttribute("aria-label", name);
  made.title = name;
  return made;
};

// A figure grows or shrinks with its slide; what is in it (sliders, buttons) goes on working.
const scale = (box, inner, width) => {
  inner.style.width = width;
  return Math.min(2.2, box.clientWidth / Math.max(inner.scrollWidth, inner.offsetWidth), box.clientHeight / inner.offsetHeight);
};
const fit = () => {
  for (const box of slides[now].querySelectorAll(".figure")) {
    const inner = box.firstElementChild;
    inner.style.zoom = 1;
    inner.style.width = "auto";
    if (innerWidth <= 700) continue;
    const widths = inner.querySelector("table") ? ["600px", "750px", "900px", "1200px", "1500px", "1800px"] : ["auto"]; // cells may wrap
    const best = widths.reduce((a, b) => (scale(box, inner, b) > scale(box, inner, a) ? b : a));
    inner.style.zoom = Math.max(0.5, scale(box, inner, best));
  }
};

const tell = () => {
  if (!speaker || speaker.closed) return;
  const passed = minutes.slice(0, now).reduce((a, b) => a + b, 0);
  const next = slides[now + 1]?.querySelector("h1, h2")?.textContent ?? "the end";
  speaker.document.title = `Notes ${now + 1} of ${slides.length}`;
  speaker.document.body.innerHTML = `<p>Slide ${now + 1} of ${slides.length}, from minute ${passed}. Next: <b></b></p>` +
    slides[now].querySelector(".notes").innerHTML;
  speaker.document.querySelector("b").textContent = next;
};

const go = (to) => {
  now = Math.max(0, Math.min(slides.length - 1, to));
  slides.forEach((slide, k) => slide.classList.toggle("now", k === now));
  place.textContent = `${now + 1} / ${slides.length}`;
  history.replaceState(null, "", `#${now + 1}`);
  slides[now].scrollTop = 0;
  fit();
  tell();
};

const hints = () => {
  document.body.classList.toggle("hints");
  for (const slide of slides) slide.querySelector(".notes").hidden = !document.body.classList.contains("hints");
  fit();
};

const open_speaker = () => {
  speaker = window.open("", "mae-lite-notes", "width=700,height=600");
  if (!speaker) return;
  speaker.document.head.innerHTML = "<style>body{font:20px/1.5 system-ui,sans-serif;margin:1.5em;color-scheme:light dark}</style>";
  speaker.onkeydown = key;
  tell();
};

function key(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const busy = event.target.closest?.("input, select, textarea, summary, .mae-lite-table");
  if (event.key === "Escape") document.activeElement?.blur();
  const moves = { PageDown: now + 1, PageUp: now - 1 };
  if (!busy) Object.assign(moves, { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: slides.length - 1 });
  if (!busy && !event.target.closest?.("button")) moves[" "] = event.shiftKey ? now - 1 : now + 1;
  if (event.key in moves) {
    event.preventDefault();
    document.activeElement?.blur();
    go(moves[event.key]);
  } else if (!busy && event.key.toLowerCase() === "n") hints();
  else if (!busy && event.key.toLowerCase() === "s") open_speaker();
}

for (const slider of document.querySelectorAll("[data-show='first'] input[type='range']")) {
  slider.value = slider.min;
  slider.dispatchEvent(new Event("input"));
}
bar.append(
  button("N", "notes (N); in a window of their own: S", hints),
  button("←", "back (left arrow)", () => go(now - 1)), place, button("→", "on (right arrow)", () => go(now + 1)),
);
document.body.append(bar);
document.body.classList.add("live");
addEventListener("keydown", key);
addEventListener("resize", fit);
addEventListener("hashchange", () => go(Number(location.hash.slice(1)) - 1));
go((Number(location.hash.slice(1)) || 1) - 1);
