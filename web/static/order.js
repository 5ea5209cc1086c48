// Lists whose order is changed by dragging; the buttons "Lên" and "Xuống" do the same without this.

for (const list of document.querySelectorAll("[data-order]")) {
  window.Sortable.create(list, {
    handle: ".grip",
    animation: 120,
    onEnd: ({ item, oldIndex, newIndex }) => {
      if (oldIndex === newIndex) return;
      const button = document.createElement("button");
      button.name = "act";
      button.value = item.dataset.placement ? `${item.dataset.placement}-${newIndex}` : "arranged";
      button.formNoValidate = true;
      button.hidden = true;
      const form = list.closest("form");
      form.append(button);
      form.requestSubmit(button);
    },
  });
}
