// Keeps a page fresh: asks for it again and exchanges the parts that changed. Without it the pages are complete all the same.
"use strict";
(() => {
  const EVERY = 5000;
  const body = document.body;

  // Times in the zone of whoever looks.
  const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });
  const short = new Intl.DateTimeFormat(undefined, { month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" });
  const local = (root) => {
    for (const time of root.querySelectorAll("time[datetime]:not([data-ago])")) {
      const at = new Date(time.dateTime);
      if (!Number.isNaN(at.getTime())) { time.title = time.dateTime; time.textContent = clock.format(at); }
    }
    for (const text of root.querySelectorAll("text[data-time]")) {
      const at = new Date(text.dataset.time);
      if (!Number.isNaN(at.getTime())) text.textContent = short.format(at);
    }
  };

  // Whose session is still good is let through from a link elsewhere: the cookie is not sent with the first request then.
  const login = document.querySelector("form.login[data-back]");
  if (login) {
    if (!login.querySelector("[role=alert]")) {
      fetch(login.dataset.back, { redirect: "manual", headers: { accept: "text/html" } })
        .then((answer) => { if (answer.ok) location.replace(login.dataset.back); }).catch(() => {});
    }
    return;
  }
  local(document);

  // What the visitor opened stays open, and what has the focus keeps it.
  const exchange = (old, fresh) => {
    const open = [...old.querySelectorAll("details[id][open]")].map((one) => one.id);
    const focus = old.contains(document.activeElement) ? document.activeElement : null;
    const href = focus && focus.getAttribute("href");
    const scrolled = [...old.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
    old.replaceChildren(...fresh.childNodes);
    old.querySelectorAll("details[id]").forEach((one) => { if (open.includes(one.id)) one.open = true; });
    old.querySelectorAll(".scroll").forEach((one, place) => { one.scrollLeft = scrolled[place] || 0; });
    if (href) {
      const again = [...old.querySelectorAll("a[href]")].find((one) => one.getAttribute("href") === href);
      if (again) again.focus({ preventScroll: true });
    }
  };

  const seen = new Map();
  for (const part of document.querySelectorAll("[data-live][id]")) seen.set(part.id, null);

  const connection = document.getElementById("connection");
  const say = (kind) => {
    if (connection.className === kind) return;
    connection.className = kind;
    connection.textContent = kind === "live" ? body.dataset.live : body.dataset.lost;
  };

  let busy = false;
  const refresh = async () => {
    if (busy || document.hidden) return;
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store", signal: AbortSignal.timeout(20000) });
      if (answer.redirected) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      // A part that is new or gone, such as an incident's card, has no partner to be exchanged with.
      const main = document.getElementById("content");
      const parts = (root) => [...root.querySelectorAll("[data-live][id]")].map((one) => one.id).join();
      const typing = main.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
      if (parts(fresh) !== parts(document) && !typing) {
        const other = fresh.getElementById("content");
        local(other);
        exchange(main, other);
        seen.clear();
      }
      for (const part of document.querySelectorAll("[data-live][id]")) {
        const other = fresh.getElementById(part.id);
        if (!other) continue;
        const text = other.innerHTML;
        const before = seen.get(part.id);
        if (before === text) continue;
        seen.set(part.id, text);
        local(other);
        if (other.innerHTML === part.innerHTML) continue;
        exchange(part, other);
        part.className = other.className;
      }
      document.title = fresh.title;
      say("live");
    } catch (error) {
      say("lost");
    } finally {
      busy = false;
    }
  };

  // An incident that changes is shown at once. Pages that nobody looks at follow nothing: there are places for few.
  let events = null;
  let soon = 0;
  const follow = () => {
    if (document.hidden) { if (events) events.close(); events = null; return; }
    if (events && events.readyState !== EventSource.CLOSED) return;
    events = new EventSource("/api/v1/events?types=incident");
    for (const kind of ["incident", "missed"]) {
      events.addEventListener(kind, () => { clearTimeout(soon); soon = setTimeout(refresh, 400); });
    }
  };
  // A page that says what went wrong has nothing to keep fresh.
  if (seen.size) {
    setInterval(refresh, EVERY);
    follow();
    document.addEventListener("visibilitychange", () => { follow(); if (!document.hidden) refresh(); });
  }

  // A menu closes when something else is chosen.
  const menu = document.querySelector(".switches");
  document.addEventListener("click", (event) => { if (menu && menu.open && !menu.contains(event.target)) menu.open = false; });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu && menu.open) { menu.open = false; menu.querySelector("summary").focus(); }
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (event.key === "/" && !typing) { const search = document.querySelector(".search input"); if (search) { event.preventDefault(); search.focus(); } }
  });
})();
