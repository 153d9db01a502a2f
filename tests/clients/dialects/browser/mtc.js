// Stands for the script that a Mautic server makes (it is in no registry): sends what the captures show, one call after
// the other, and repeats the device id that it was answered.
(() => {
  const server = new URL(document.currentScript.src).searchParams.get("server") ?? window.COLLECTOR;
  let counter = 0;
  let device = "";
  let last = Promise.resolve();
  const send = (more) => {
    const parameters = new URLSearchParams({
      page_title: document.title,
      page_language: navigator.language,
      preferred_locale: navigator.language.replace("-", "_"),
      page_referrer: document.referrer ? new URL(document.referrer).hostname : "",
      page_url: location.href,
      counter: String(counter++),
      timezone_offset: String(new Date().getTimezoneOffset()),
      resolution: `${screen.width}x${screen.height}`,
      platform: navigator.platform,
      do_not_track: "false",
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      ...more,
    });
    last = last.then(
      () =>
        new Promise((done) => {
          if (device) parameters.set("mautic_device_id", device);
          const request = new XMLHttpRequest();
          request.open("POST", `${server}/mtc/event`);
          request.withCredentials = true;
          request.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
          request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
          request.onload = () => {
            if (request.status === 200) device = JSON.parse(request.responseText).device_id;
            else new Image().src = `${server}/mtracking.gif?${parameters}`;
            done();
          };
          request.onerror = () => {
            new Image().src = `${server}/mtracking.gif?${parameters}`;
            done();
          };
          request.send(parameters.toString());
        }),
    );
  };
  const waiting = window.mt.q ?? [];
  window.mt = (_verb, _what, more) => send(more);
  for (const [, , more] of waiting) send(more);
})();
