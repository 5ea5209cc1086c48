// A document that is dropped on its place, or chosen, is sent at once. Without this file: choose, then press.

const place = document.querySelector("[data-drop]");
if (place) {
  const input = place.querySelector("input[type=file]");
  const problem = place.querySelector("[data-drop-problem]");
  const most = Number(place.dataset.most);

  const whyNot = (files) => {
    if (files.length !== 1) return gettext("Mỗi lần chỉ gửi một tệp.");
    if (files[0].size === 0) return gettext("Tệp này rỗng, không có nội dung.");
    return files[0].size > most ? gettext("Tệp quá lớn: tối đa {megabytes} MB.", { megabytes: Math.floor(most / 1e6) }) : "";
  };
  const send = () => {
    const said = whyNot(input.files);
    problem.textContent = said;
    problem.hidden = !said;
    if (said) input.value = "";
    else input.form.requestSubmit();
  };

  input.addEventListener("change", () => {
    if (input.files.length) send();
  });
  for (const kind of ["dragenter", "dragover"]) {
    place.addEventListener(kind, (event) => {
      event.preventDefault();
      place.classList.add("is-over");
    });
  }
  for (const kind of ["dragleave", "drop"]) place.addEventListener(kind, () => place.classList.remove("is-over"));
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    input.files = event.dataTransfer.files;
    send();
  });
}
