// A first page, which only proves the way from the lab to the browser.
const list = document.getElementById("guests");
const socket = new WebSocket(`ws://${location.host}/live`);
let view = null;

function show() {
  list.replaceChildren(
    ...Object.entries(view.guests).map(([name, guest]) => {
      const item = document.createElement("li");
      item.textContent = `${name}: ${guest.state}`;
      return item;
    }),
  );
}

socket.addEventListener("message", (event) => {
  const told = JSON.parse(event.data);
  if (told.type === "view") {
    view = told.view;
    show();
  } else if (told.type === "change") {
    for (const kind of ["guests", "segments", "cables", "scenarios"]) {
      for (const name of told.gone[kind] ?? []) delete view[kind][name];
      Object.assign(view[kind], told.set[kind]);
    }
    show();
  }
});
