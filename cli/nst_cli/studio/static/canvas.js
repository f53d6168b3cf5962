// The picture of the studio: shows what the server sends, and compares it with the photograph. `element`, `props`
// and `watch` are Gradio's.
let share = 0, photo = "", said = "";
const find = (selector) => element.querySelector(selector);
const compare = () => {
  const before = find(".nst-before"), edge = find(".nst-edge"), range = find(".nst-compare input");
  range.value = share;
  before.hidden = edge.hidden = !photo || !Number(share);
  before.style.clipPath = `inset(0 ${100 - share}% 0 0)`;
  edge.style.left = `${share}%`;
};
const show = () => {
  let news;
  try { news = JSON.parse(props.value || "{}"); } catch { return; }
  if (news.photo !== undefined) photo = news.photo;
  const frame = find(".nst-frame"), after = find(".nst-after"), before = find(".nst-before");
  const picture = news.image || photo;
  frame.hidden = !picture;
  find(".nst-empty").hidden = !!picture;
  if (picture) after.src = picture;
  if (photo) before.src = photo;
  after.dataset.phase = news.phase || "";
  after.dataset.number = news.number || 0;
  const done = Math.round(100 * (news.done || 0)), bar = find(".nst-bar");
  bar.setAttribute("aria-valuenow", done);
  bar.firstElementChild.style.width = `${done}%`;
  const status = find(".nst-status"), text = news.status || "";
  if (text !== said) { // so that it is read out once
    status.replaceChildren(Object.assign(document.createElement("span"), { textContent: text,
      className: news.phase === "failed" ? "nst-error" : "" }));
    said = text;
  } else if (!status.firstChild) {
    status.textContent = text;
  }
  const curve = find(".nst-curve");
  curve.toggleAttribute("hidden", !news.curve);
  if (news.curve) curve.firstElementChild.setAttribute("points", news.curve);
  compare();
};
element.addEventListener("input", (event) => { share = Number(event.target.value); compare(); });
watch("value", () => show());
show();
