// Turns the stills of each new twin slider into one sentence and one photo with a slider and buttons.
for (const root of fresh("twin")) {
  const book = dataOf(root);
  const picture = make("img", "max-width:100%;width:224px;height:auto;flex:none", { decoding: "sync" });
  const sentence = make("div", "flex:1 1 18em;font-size:1.25em;line-height:1.9;min-height:12em");
  const both = make("div", "display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start", {}, sentence, picture);
  const label = make("div", "min-height:2.8em;margin-top:6px;font-variant-numeric:tabular-nums", { role: "status" });
  label.setAttribute("aria-live", "polite");
  const share = make("span", "min-width:7em;font-variant-numeric:tabular-nums");
  const slider = make("input", "flex:1 1 14em;margin:0;height:24px",
    { type: "range", min: 0, max: book.frames.length - 1, step: 1, value: book.start, label: "share hidden" });
  const bar = make("div", "display:flex;flex-wrap:wrap;align-items:center;gap:4px 12px;margin-top:6px", {}, share, slider);
  const choices = make("div", "display:flex;flex-wrap:wrap;gap:6px;margin-top:6px", { role: "group", label: "who answers" });
  let answer = 0;

  const show = () => {
    const [words, source, text, alt] = book.frames[slider.value][answer];
    sentence.innerHTML = words;
    picture.src = source;
    picture.alt = alt;
    label.textContent = `${book.answers[answer]}: ${text}`;
    share.textContent = `${book.shares[slider.value]} hidden`;
    slider.setAttribute("aria-valuetext", share.textContent);
    [...choices.children].forEach((button, k) => {
      button.setAttribute("aria-pressed", k === answer);
      button.style.outline = k === answer ? "3px solid #0072B2" : "none";
      button.style.fontWeight = k === answer ? "bold" : "normal";
    });
  };
  book.answers.forEach((name, k) => {
    const button = make("button", `${BUTTON};padding:2px 10px`, { type: "button", textContent: name });
    button.onclick = () => { answer = k; show(); };
    choices.append(button);
  });
  slider.oninput = () => { answer = 0; show(); }; // another share is another turn to guess
  keepKeys([slider, ...choices.children]);
  root.querySelector(".mae-lite-stills").remove();
  root.prepend(both, label, bar, choices);
  show();
}
