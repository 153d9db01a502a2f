import type { Core } from "./client.js";
import { LINK_PARAM } from "./linker.js";
import { isAbroad, isOwn, linkTo } from "./own.js";

const FILE = /\.(pdf|docx?|xlsx?|pptx?|csv|txt|rtf|zip|rar|7z|gz|dmg|exe|pkg|msi|apk|mp[34]|mov|avi|wav|epub)$/i;

/** Clicks on links: to other sites, to files, and to own domains, which get the visitor. */
export function watchLinks(core: Core): void {
  core.listen(document, "click auxclick", (event: MouseEvent) => {
    // the whole path: what was clicked may lie in the shadow of something in the link
    const link = event.composedPath().find((each) => (each as Element).matches?.("a[href]")) as HTMLAnchorElement | undefined;
    if (!link || event.button > 1 || !/^http/.test(link.protocol)) return;
    const { hostname, pathname } = link;
    const file = FILE.exec(pathname);
    const url = link.href;
    if (file && core.o.downloads !== "off") core.track("file_downloaded", { url, extension: file[1] });
    else if (!isOwn(core, hostname) && core.o.links !== "off") core.track("outbound_click", { url });
    if (isAbroad(core, hostname)) link.href = linkTo(core, url);
  });
}

/** Forms: that one was sent, with the names of its fields and never a value; and the visitor for own domains. */
export function watchForms(core: Core): void {
  core.listen(document, "submit", (event: SubmitEvent) => {
    const form = event.target as HTMLFormElement;
    const by = (event.submitter && event.submitter.hasAttribute("formaction") ? event.submitter : form) as HTMLElement;
    const name = by === form ? "action" : "formaction";
    const action = new URL(by.getAttribute(name) || location.href, document.baseURI);
    if (core.o.forms !== "off")
      core.track("form_submitted", {
        form_id: form.getAttribute("id"),
        form_name: form.getAttribute("name"),
        url: action.origin + action.pathname,
        fields: Array.from(form.elements, (field) => field.getAttribute("name")).filter((name) => name),
      });
    if (!isAbroad(core, action.hostname)) return;
    const linked = linkTo(core, action.href);
    if (/^post$/i.test(form.getAttribute("method") || "")) return by.setAttribute(name, linked);
    const field = form.querySelector(`input[name=${LINK_PARAM}]`) || form.appendChild(document.createElement("input"));
    const value = new URL(linked).searchParams.get(LINK_PARAM);
    if (value) Object.assign(field, { type: "hidden", name: LINK_PARAM, value });
  });
}
