// Fetches the dashboard's refreshing part every two seconds; forms stand outside of it and are never touched.
(() => {
  const desk = document.getElementById("karb-desk");
  const part = document.getElementById("karb-fragment");
  if (!desk || !part) return;
  const EVERY_MS = 2000;
  const follow = () => {
    const now = document.getElementById("karb-now");
    if (!now) return;
    desk.dataset.level = now.dataset.level;
    document.getElementById("karb-level-name").textContent = now.dataset.level;
  };
  const again = async () => {
    try {
      if (document.hidden) return;
      const answer = await fetch(desk.dataset.fragment, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      part.innerHTML = await answer.text();
      desk.classList.remove("karb-lost");
      follow();
    } catch {
      desk.classList.add("karb-lost");
    } finally {
      setTimeout(again, EVERY_MS);
    }
  };
  follow();
  setTimeout(again, EVERY_MS);
})();
