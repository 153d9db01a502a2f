import { attempt } from "./attempt.js";

/** Where cookies are read and written: the document, or nothing where that throws (a sandbox). */
export interface Jar {
  /** Undefined also for what the collector takes for no id of its own: another software's cookie of the same name. */
  read(name: string): string | undefined;
  write(name: string, value: string, domain: string, ageS: number): void;
}

export function openJar(page: { cookie: string }, secure: boolean): Jar {
  return {
    read: (name) => attempt(() => page.cookie.match("(?:^|; )" + name + "=([\\w.:~-]{8,128})(;|$)")![1]),
    write: (name, value, domain, ageS) =>
      void attempt(() => {
        page.cookie = `${name}=${value};path=/;max-age=${ageS};samesite=lax${domain && ";domain=" + domain}${secure ? ";secure" : ""}`;
      }),
  };
}

/**
 * The registrable domain, found by asking the browser, which knows the public suffixes: the shortest suffix of the host
 * that may set a cookie. "" for an address, a single label, or a page that may set none.
 */
export function widestDomain(jar: Jar, host: string): string {
  const labels = host.split(".");
  let domain = labels.pop()!;
  // an address ends in a number
  while (labels[0] && !+domain) {
    domain = labels.pop() + "." + domain;
    jar.write("nv_p", "identify", domain, 1);
    if (jar.read("nv_p")) return domain;
  }
  return "";
}
