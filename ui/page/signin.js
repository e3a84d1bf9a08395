// The sign-in form works without this script, which only brings the reader back to where they were.

const form = /** @type {HTMLFormElement} */ (document.getElementById("sign-in"));
form.addEventListener("submit", () => {
  form.action = `sign-in${location.hash}`; // a redirect keeps it
});
