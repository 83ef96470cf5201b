// Asks for what is newer than the newest shown; the answer comes when there is something.
const list = document.getElementById("list");
const empty = document.getElementById("clear");
const later = (ms) => new Promise((done) => setTimeout(done, ms));
const newest = () => list.firstElementChild?.dataset.id ?? "";

async function draw() {
  const opened = [...list.querySelectorAll("details[open]")].map((one) => one.id);
  list.innerHTML = await (await fetch("/list")).text();
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
}

async function watch() {
  for (;;) {
    try {
      const query = new URLSearchParams({ limit: "1", wait_s: "25", after: newest() });
      const { messages } = await (await fetch("/messages?" + query)).json();
      if (messages.length) await draw();
      await later(150);
    } catch {
      await later(2000);
    }
  }
}

empty.hidden = false;
empty.addEventListener("click", async () => {
  await fetch("/messages", { method: "DELETE" });
  await draw();
});
watch();
