// Submitting a file: the page's own form, with progress. Without script the browser sends it by itself.
"use strict";

const LARGEST = 100 * 2 ** 20;
const TOO_LARGE = "The file is too large: an artifact may have at most 100 MiB";
const NOT_HEARD =
  "No answer came, so it may be submitted or not. Submit it again to find out: nothing is stored twice.";
const FAILED = "This did not work: nothing was submitted. Reload the page, then try again.";
const RENEWED = "Nothing was submitted: the form was from before you signed in again. Submit it again.";
const sizeOf = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || !form.matches("form[data-upload]")) return;
  event.preventDefault();
  if (!form.request) upload(form);
});

function upload(form) {
  const file = form.elements.file.files[0];
  if (file?.size > LARGEST) return toast(TOO_LARGE);
  const box = one(".upload-progress", form);
  const [bar, text] = [one("progress", box), one("[role=status]", box)];
  const request = form.request = new XMLHttpRequest();
  const end = (why) => {
    form.request = null;
    box.hidden = true;
    if (why) toast(why);
  };
  request.upload.onprogress = ({ loaded, total }) => {
    bar.value = loaded / total;
    text.textContent = loaded < total ? `${sizeOf(loaded)} of ${sizeOf(total)}` : "Stored in a moment";
  };
  request.onabort = () => end("Cancelled: nothing was submitted");
  request.onerror = () => end(NOT_HEARD);
  request.onload = () => {
    end();
    if (new URL(request.responseURL).pathname !== new URL(form.action).pathname) return handleSignedOut();
    showAnswer(form, request);
  };
  one("[data-cancel]", box).onclick = () => request.abort();
  box.hidden = false;
  request.open("POST", form.action);
  request.setRequestHeader("HX-Request", "true");
  request.send(new FormData(form));
}

function showAnswer(form, request) {
  const address = request.getResponseHeader("Location");
  if (request.status === 201 && address) return void (location.href = address);
  const fresh = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("#submit");
  if (!fresh && request.status === 403) return void renewed();
  if (!fresh) return toast(request.status === 413 ? TOO_LARGE : FAILED);
  const files = form.elements.file.files;
  one("#submit").replaceWith(fresh);
  one("input[type=file]", fresh).files = files;
  one("#refused", fresh)?.focus();
}

// The form is from before somebody signed in again; or somebody else did, which the page says.
async function renewed() {
  if (await renewTokens()) toast(RENEWED);
  else if (!session.other) toast(FAILED);
}
