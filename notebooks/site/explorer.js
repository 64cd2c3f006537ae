// Puts three controls over the answers: which photo, how much is hidden, which seed. Without this they stay stills.
for (const root of fresh("explorer")) {
  const data = dataOf(root);
  const now = { photo: data.start[0], seed: data.start[1], ratio: data.start[2] };
  const sharp = "display:block;width:100%;image-rendering:pixelated";
  const pair = make("img", sharp, { width: 228, height: 112, decoding: "sync" });
  const original = make("img", sharp, { width: 112, height: 112, decoding: "sync" });
  const status = make("p", "margin:8px 0;min-height:2.8em;font-variant-numeric:tabular-nums");
  status.setAttribute("role", "status");

  const labels = [];
  const show = () => {
    labels.forEach((label, k) => { label.style.outline = k === now.photo ? "3px solid #0072B2" : "none"; });
    const frame = data.frames[now.photo][now.seed][now.ratio];
    pair.src = frame.picture;
    pair.alt = `${data.photos[now.photo]}: ${frame.alt}`;
    original.src = data.originals[now.photo];
    original.alt = `The photo: ${data.photos[now.photo]}.`;
    status.textContent = `Seed ${data.seeds[now.seed]}, ${frame.label}`;
  };

  const photos = make("div", "display:flex;flex-wrap:wrap;gap:8px;margin:8px 0");
  photos.setAttribute("role", "radiogroup");
  photos.setAttribute("aria-label", "photo");
  const group = `explorer-${Math.random()}`;
  data.photos.forEach((name, k) => {
    const label = make("label", "position:relative;cursor:pointer;line-height:0;border-radius:3px", { title: name });
    labels.push(label);
    const input = make("input", "position:absolute;left:4px;top:4px;margin:0", {
      type: "radio", name: group, checked: k === now.photo,
    });
    input.setAttribute("aria-label", name);
    input.onchange = () => { now.photo = k; show(); };
    label.append(make("img", "width:50px;height:50px;border-radius:3px", { src: data.originals[k], alt: name }), input);
    photos.append(label);
  });

  const slider = (name, key, values) => {
    const label = make("label", "display:flex;flex-wrap:wrap;align-items:center;gap:4px 12px;margin:4px 0");
    const input = make("input", "flex:1 1 12em;margin:0;height:24px", {
      type: "range", min: 0, max: values.length - 1, step: 1, value: now[key],
    });
    const said = make("span", "min-width:3em;text-align:right;font-variant-numeric:tabular-nums");
    input.setAttribute("aria-label", name);
    const tell = () => {
      said.textContent = values[now[key]];
      input.setAttribute("aria-valuetext", `${name} ${values[now[key]]}`);
    };
    input.oninput = () => { now[key] = Number(input.value); tell(); show(); };
    tell();
    label.append(make("span", "min-width:4em", { textContent: name }), input, said);
    return label;
  };

  const titles = make("div", "display:flex;gap:4px;align-items:end;font-size:0.9em;margin-top:8px");
  for (const title of data.titles) titles.append(make("span", "flex:1", { textContent: title }));
  const pictures = make("div", "display:flex;gap:1.2%");
  const [left, right] = [make("div", "flex:228"), make("div", "flex:112")];
  left.append(pair);
  right.append(original);
  pictures.append(left, right);
  show();
  root.querySelector(".stills").replaceChildren(
    photos, slider("hidden", "ratio", data.ratios), slider("seed", "seed", data.seeds), titles, pictures, status,
  );
}
