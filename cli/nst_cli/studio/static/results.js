// The list of pictures: "Use its settings" tells the server which. `element` and `trigger` are Gradio's.
element.addEventListener("click", (event) => {
  const pressed = event.target.closest("[data-key]");
  if (!pressed) return;
  event.preventDefault();
  trigger("select", { key: pressed.dataset.key });
});
