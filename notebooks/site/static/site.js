// What scrolls sideways can be scrolled by keyboard, in every browser.
addEventListener("load", () => {
  for (const box of document.querySelectorAll("article pre, .cell_output .output, .table-wrapper")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
});
