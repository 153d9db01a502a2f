/** The parts that know no browser: example tables and laws. */
import { describe, expect, it, vi } from "vitest";
import { attempt, json, utf8 } from "../src/attempt";
import { waitAfter } from "../src/backoff";
import { BATCH_BYTES_MAX, envelope, fitting } from "../src/batch";
import { modeOf, readConsent } from "../src/consent";
import { openJar, widestDomain } from "../src/cookie";
import { makeId } from "../src/id";
import { arrivalOf, landingAt } from "../src/landing";
import { makeLink, readLink, takeLink } from "../src/linker";
import { addressOf } from "../src/options";
import { enqueue, keyOf } from "../src/queue";
import { openStore } from "../src/storage";
import { isFinal, isRefusal, outcomeAt } from "../src/verdict";

/** A localStorage with room for so many characters. */
function disk(room = Infinity): Storage {
  const used = (kept: object): number => Object.entries(kept).reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  return new Proxy({} as Record<string, string>, {
    set(kept, key: string, value: string) {
      if (used({ ...kept, [key]: value }) > room) throw new Error("QuotaExceededError");
      return Reflect.set(kept, key, value);
    },
  }) as unknown as Storage;
}

const storeOn = (storage: Storage) => {
  const store = openStore(() => storage);
  store.useDisk(true);
  return store;
};

describe("waitAfter", () => {
  it("doubles to a minute with jitter", () => {
    expect([1, 2, 3, 6, 7, 8, 60].map((failures) => waitAfter(failures, null, 1))).toEqual([1000, 2000, 4000, 32000, 60000, 60000, 60000]);
    expect(waitAfter(1, null, 0)).toBe(500);
    expect(waitAfter(60, null, 0)).toBe(30000);
  });
  it("takes Retry-After as a minimum, up to an hour, and nothing that is no number", () => {
    expect(waitAfter(1, "7", 0)).toBe(7000);
    expect(waitAfter(1, "7", 0.5)).toBe(7500);
    expect(waitAfter(1, "999999", 0)).toBe(3_600_000);
    expect(waitAfter(1, "0", 0)).toBe(500);
    expect(waitAfter(1, "-5", 0)).toBe(500);
    expect(waitAfter(1, "Wed, 21 Oct 2026 07:28:00 GMT", 0)).toBe(500);
  });
});

describe("batches", () => {
  it("fit the keep-alive limit, never none, in order", () => {
    const texts = (count: number, size: number) => Array<string>(count).fill("x".repeat(size));
    const fit = (...texts: string[]) => fitting(texts).length;
    expect(fit()).toBe(0);
    expect(fit(...texts(5, 10))).toBe(5);
    expect(fit(...texts(5, 20_000))).toBe(2);
    expect(fit(...texts(2, 90_000))).toBe(1);
    expect(fit(...texts(3, BATCH_BYTES_MAX / 2 - 1))).toBe(2);
    expect(fit("x", "y".repeat(BATCH_BYTES_MAX), "z")).toBe(1); // none after the one that is over
  });
  it("count bytes, not letters", () => {
    expect(utf8("שלום").length).toBe(8);
    expect(fitting(Array<string>(3).fill("ש".repeat(15_000))).length).toBe(1);
  });
  it("are JSON without parsing an event again", () => {
    const body = JSON.parse(envelope('k"ey', 5, ['{"a":1}', '{"b":"ש"}']));
    expect(body).toEqual({ write_key: 'k"ey', sent_at: 5, events: [{ a: 1 }, { b: "ש" }] });
  });
});

describe("answers", () => {
  const own = { error: { code: "c", message: "m", hint: "h" } };
  it.each([400, 413, 415])("%i of the collector refuses the body", (status) => expect(isRefusal(status) && isFinal(status, own)).toBeTruthy());
  it.each([0, 200, 202, 301, 401, 403, 404, 408, 429, 500, 503])("%i doesn't", (status) =>
    expect(isRefusal(status) && isFinal(status, own)).toBeFalsy(),
  );
  it.each([{}, { error: "Bad Request" }, { error: { code: 400, message: "m" } }])("%j is not the collector's word", (said) =>
    expect(isFinal(400, said as never)).toBeFalsy(),
  );
  it.each([400, 403, 405, 413, 415])("%i may be for one event's sake", (status) => expect(isRefusal(status)).toBe(true));
  it.each([0, 200, 202, 301, 401, 404, 408, 429, 500, 503])("%i is not", (status) => expect(isRefusal(status)).toBe(false));
  it("names what became of each event", () => {
    const rejected = [{ index: 1, code: "too_deep", pointer: "/properties", message: "m" }];
    expect([0, 1, 2].map((place) => outcomeAt(place, { rejected }).status)).toEqual(["sent", "dropped", "sent"]);
    expect(outcomeAt(1, { rejected })).toMatchObject({ code: "too_deep", pointer: "/properties" });
    expect(outcomeAt(0, { error: { code: "body_too_large" } })).toMatchObject({ status: "dropped", code: "body_too_large" });
    expect(outcomeAt(0, { rejected: [] })).toEqual({ status: "sent" });
  });
});

describe("consent", () => {
  it.each([
    [null, undefined, false, "full"],
    [null, undefined, true, "off"],
    [null, "required", false, "hold"],
    [null, "required", true, "off"],
    [null, "cookieless", false, "cookieless"],
    [null, "cookieless", true, "cookieless"],
    ["granted", "required", true, "full"],
    ["denied", undefined, false, "off"],
    ["denied", "cookieless", false, "cookieless"],
    [{ analytics: true }, "required", false, "full"],
    [{ analytics: "granted" }, "required", false, "full"],
    [{ analytics: false, marketing: true }, undefined, false, "off"],
    [{ marketing: true }, "required", false, "off"],
  ] as const)("%j with option %s and objection %s is %s", (answer, option, objected, mode) =>
    expect(modeOf(answer, option, objected)).toBe(mode),
  );
});

describe("cookies", () => {
  const page = (suffixes: string[]) => {
    const kept = new Map<string, string>();
    return {
      get cookie() {
        return [...kept].map(([name, value]) => `${name}=${value}`).join("; ");
      },
      set cookie(text: string) {
        const domain = /;domain=([^;]*)/.exec(text)?.[1];
        const [name, value] = text.split(";")[0]!.split("=") as [string, string];
        if (!domain || !suffixes.includes(domain)) kept.set(name, value);
      },
    };
  };
  it.each([
    ["www.shop.co.il", ["il", "co.il"], "shop.co.il"],
    ["shop.com", ["com"], "shop.com"],
    ["a.b.c.example.org", ["org"], "example.org"],
    ["localhost", [], ""],
    ["127.0.0.1", [], ""],
  ])("of %s lie on %s → %s", (host, suffixes, domain) =>
    expect(widestDomain(openJar(page(suffixes), true), host)).toBe(domain),
  );
  it("of a page that may set none are none", () => {
    const sandbox = {
      get cookie(): string {
        throw new Error("SecurityError");
      },
      set cookie(_: string) {
        throw new Error("SecurityError");
      },
    };
    const jar = openJar(sandbox, true);
    expect(widestDomain(jar, "www.shop.com")).toBe("");
    expect(jar.read("nv_id")).toBeUndefined();
  });
  it("live 13 months, Lax, Secure on https alone", () => {
    const page = { cookie: "" };
    openJar(page, true).write("nv_id", "v1", "shop.com", 34_214_400);
    expect(page.cookie).toBe("nv_id=v1;path=/;max-age=34214400;samesite=lax;domain=shop.com;secure");
    openJar(page, false).write("nv_id", "v1", "", 34_214_400);
    expect(page.cookie).toBe("nv_id=v1;path=/;max-age=34214400;samesite=lax");
  });
  it("are found whole, not by a part of their name", () => {
    const jar = openJar({ cookie: "xnv_id=no-visitor; nv_id2=no-visitor; nv_id=a-visitor" }, false);
    expect(jar.read("nv_id")).toBe("a-visitor");
  });
});

describe("storage", () => {
  it("keeps in memory what may not lie on disk, and moves it along", () => {
    const storage = disk();
    const store = openStore(() => storage);
    store.set("nv_a", "1");
    expect(storage.nv_a).toBeUndefined();
    store.useDisk(true);
    expect(storage.nv_a).toBe("1");
    storage.nv_c = "{}";
    storage.page = "own";
    store.useDisk(false);
    expect([storage.nv_a, storage.nv_c, storage.page]).toEqual([undefined, "{}", "own"]);
    expect(store.get("nv_a")).toBe("1");
  });
  it("works where storage is forbidden", () => {
    const store = openStore(() => {
      throw new Error("SecurityError");
    });
    store.useDisk(true);
    expect(store.set("nv_a", "1")).toBe(true);
    expect(store.named("nv_")).toEqual(["nv_a"]);
    store.erase("nv_a");
    expect(store.get("nv_a")).toBeFalsy();
  });
  it("keeps what waits in memory, too: pages clear their storage", () => {
    const storage = disk();
    const store = storeOn(storage);
    store.set("nv_qk.1", "event");
    expect([storage["nv_qk.1"], store.named("nv_q")]).toEqual(["event", ["nv_qk.1"]]);
    delete storage["nv_qk.1"];
    expect([store.get("nv_qk.1"), store.named("nv_q")]).toEqual(["event", ["nv_qk.1"]]);
  });
  it("never writes anew what other tabs keep there", () => {
    const storage = disk();
    storage["nv_qk.other"] = "event";
    const written: string[] = [];
    const watched = new Proxy(storage, {
      deleteProperty: (kept, key) => (written.push(key as string), Reflect.deleteProperty(kept, key)),
    });
    storeOn(watched).set("nv_qk.own", "event");
    expect(written).toEqual([]);
  });
  it("says when the disk is full, and loses nothing", () => {
    const store = storeOn(disk(10));
    expect(store.set("nv_a", "x".repeat(50))).toBe(false);
    expect(store.get("nv_a")).toBe("x".repeat(50));
  });
});

describe("queue", () => {
  it("sorts by time and number, and names the tab", () => {
    const keys = [keyOf("q.", 1e12, 9, "bbbbbb"), keyOf("q.", 1e12, 10, "aaaaaa"), keyOf("q.", 1e12, 1e6, "aaaaaa"), keyOf("q.", 2e12, 0, "bbbbbb")];
    expect([...keys].reverse().sort()).toEqual(keys);
    expect(keys.map((key) => key.endsWith("aaaaaa"))).toEqual([false, true, true, false]);
  });
  it("drops the oldest when the disk is full, and only what frees it", () => {
    const storage = disk(200);
    const store = storeOn(storage);
    const lost: string[] = [];
    const lose = (key: string) => (lost.push(key), store.erase(key));
    const keys = [1, 2, 3, 4].map((n) => keyOf("q.", n, n, "tabtab"));
    keys.forEach((key, n) => enqueue(store, "q.", key, n + 1, "x".repeat(60), lose));
    expect(lost).toEqual(keys.slice(0, 2));
    expect(store.named("q.")).toEqual(keys.slice(2));
  });
  it("keeps in memory what the page's own data leaves no room for", () => {
    const storage = disk(100);
    storage.page = "y".repeat(95);
    const store = storeOn(storage);
    const lost: string[] = [];
    [1, 2, 3].forEach((n) => enqueue(store, "q.", keyOf("q.", n, n, "tabtab"), n, "x".repeat(60), (key) => lost.push(key)));
    expect(lost).toEqual([]);
    expect(store.named("q.").length).toBe(3);
  });
  it("takes no event that would push the others out", () => {
    const store = storeOn(disk(200_000));
    const lost: string[] = [];
    store.set(keyOf("q.", 1, 1, "tabtab"), "{}");
    expect(() => enqueue(store, "q.", "q.2", 2, "ש".repeat(30_001), (key) => lost.push(key))).toThrow("over 60 kB");
    expect([store.named("q.").length, lost]).toEqual([1, []]);
  });
  it.each(["disk", "memory"])("has an end on %s", (where) => {
    const store = where === "disk" ? storeOn(disk()) : openStore(() => disk());
    const lost: string[] = [];
    const lose = (key: string) => (lost.push(key), store.erase(key));
    for (let n = 0; n < 2200; n++) store.set(keyOf("q.", n, n, "tabtab"), "{}");
    enqueue(store, "q.", keyOf("q.", 9999, 64, "tabtab"), 64, "{}", lose);
    expect(store.named("q.").length).toBe(2001);
    expect(lost[0]).toBe(keyOf("q.", 0, 0, "tabtab"));
  });
});

describe("what others have written over", () => {
  it("is taken for nothing", () => {
    vi.stubGlobal("localStorage", { nv_c: "{not json" });
    expect([readConsent(), readConsent("denied")]).toEqual([undefined, "denied"]);
    vi.unstubAllGlobals();
  });
  it.each(["{not json", "5", "true", "null", '"x"', "[]", "[1]", '{"a":1}'])("of a session, even %s", (text) => {
    const store = storeOn(disk());
    store.set("nv_l", text);
    expect(landingAt(store, 1e12, "https://a.il/", "", () => "s1").slice(2, 4)).toEqual(["{}", "s1"]);
  });
});

describe("landings", () => {
  it("keep the campaign and the click ids, in their own case", () => {
    expect(arrivalOf("https://a.il/?utm_source=News&utm_campaign=%D7%A7%D7%99%D7%A5&gclid=AbC&x=1")).toEqual({
      campaign: { source: "News", name: "קיץ" },
      click_ids: { gclid: "AbC" },
    });
    expect(arrivalOf("https://a.il/?utm_source=&q=gclid")).toEqual({});
  });
  it.each("gclid gbraid wbraid dclid fbclid msclkid ttclid twclid li_fat_id ScCid epik rdt_cid qclid yclid ymclid obclid ob_click_id dicbo tblci bd_vid irclickid irclid cjevent awc mc_cid oppref".split(" "))(
    "know %s",
    (name) => expect(arrivalOf(`https://a.il/?${name}=V`)).toEqual({ click_ids: { [name]: "V" } }),
  );
  it.each("srsltid igsh id clip acid q lucid2 utm".split(" "))("leave %s alone", (name) => expect(arrivalOf(`https://a.il/?${name}=V`)).toEqual({}));
  it("last while there is no gap of over 30 minutes and no other campaign", () => {
    const store = storeOn(disk());
    let ids = 0;
    const at = (minute: number, url: string) => landingAt(store, minute * 60_000, "https://a.il" + url, "r", () => "s" + ids++);
    expect(at(100, "/?utm_source=a")[3]).toBe("s0");
    expect(at(130, "/x")[4].campaign).toEqual({ source: "a" });
    expect(at(131, "/?utm_source=a")[3]).toBe("s0");
    expect(at(132, "/?utm_source=b")[3]).toBe("s1");
    expect(at(162, "/")[3]).toBe("s1");
    expect(at(192.1, "/")[3]).toBe("s2");
    expect(at(193, "/")[4]).toEqual({ landing_referrer: "r" });
    expect(at(1, "/")[3]).toBe("s3"); // the clock was set back
    expect(at(1, "/").slice(0, 2)).toEqual([60_000, 9]);
  });
});

describe("the linker", () => {
  const secret = "wk_1Mozilla/5.0";
  it("is read back for two minutes by the same browser", () => {
    for (const now of [0, 999, 1_700_000_000_123]) {
      const link = makeLink("visitor1", now, secret);
      expect(readLink(link, now, secret)).toBe("visitor1");
      expect(readLink(link, now + 119_999, secret)).toBe("visitor1");
      expect(readLink(link, now + 120_000, secret)).toBeUndefined();
      expect(readLink(link, now - 5000, secret)).toBeUndefined();
      expect(readLink(link, now, secret + "x")).toBeUndefined();
      expect(readLink(link.replace("visitor1", "visitor2"), now, secret)).toBeUndefined();
    }
  });
  it.each(["", "a", "a.b", "a.b.c", "....", "visitor1.zzzzzz."])("is nothing for %j", (value) => expect(readLink(value, 1e12, secret)).toBeUndefined());
  it.each([
    ["https://b.il/?nv_l=a.b.c", "a.b.c", "https://b.il/"],
    ["https://b.il/?x=1&nv_l=a.b.c#frag", "a.b.c", "https://b.il/?x=1#frag"],
    ["https://b.il/?nv_l=a.b.c&x=1&y=2", "a.b.c", "https://b.il/?x=1&y=2"],
    ["https://b.il/R&D?nv_l=a.b.c", "a.b.c", "https://b.il/R&D"],
    ["https://b.il/R&D?nv_l=a.b.c&x=1", "a.b.c", "https://b.il/R&D?x=1"],
    ["https://b.il/?x=1&nv_l=a.b.c&y=2", "a.b.c", "https://b.il/?x=1&y=2"],
    ["https://b.il/?x=nv_l&undefined", undefined, "https://b.il/?x=nv_l&undefined"],
  ])("leaves %s", (url, value, rest) => expect(takeLink(url)).toEqual([value, rest]));
});

describe("addresses", () => {
  it.each([
    [{}, "https://t.shop.il/netiv.js", "https://t.shop.il/v1/events"],
    [{}, "https://shop.il/a/b/netiv.js?v=1", "https://shop.il/a/b/v1/events"],
    [{ path: "/m" }, "https://shop.il/a/netiv.js", "https://shop.il/m/v1/events"],
    [{ host: "https://c.il" }, "https://shop.il/a/netiv.js", "https://c.il/v1/events"],
    [{ host: "https://c.il", path: "/m" }, "", "https://c.il/m/v1/events"],
    [{ host: "http://c.il:8080" }, "https://shop.il/a/netiv.js", "http://c.il:8080/v1/events"],
    [{ host: "c.il" }, "https://shop.il/a/netiv.js", "https://c.il/v1/events"],
    [{ host: "c.il:8080" }, "https://shop.il/a/netiv.js", "https://c.il:8080/v1/events"],
    [{ host: "//c.il" }, "https://shop.il/a/netiv.js", "https://c.il/v1/events"],
    [{}, "capacitor://localhost/netiv.js", "capacitor://localhost/v1/events"],
  ])("%j of %s", (options, src, url) => expect(addressOf(options, src, "/v1/events")).toBe(url));
});

it("ids are 32 hex digits and differ", () => {
  const ids = new Set(Array.from({ length: 1000 }, makeId));
  expect(ids.size).toBe(1000);
  ids.forEach((id) => expect(id).toMatch(/^[0-9a-f]{32}$/));
});

it("JSON heeds no old library, has text alone, and not too much of it", () => {
  const lists = Array.prototype as any;
  lists.toJSON = () => "[wrong]";
  (String.prototype as any).toJSON = (Number.prototype as any).toJSON = () => "wrong";
  const text = json({ a: [1, "x", ["y"]], at: new Date(0), nul: "a\0\ud83d", none: undefined, n: NaN });
  for (const each of [lists, String.prototype, Number.prototype] as any[]) delete each.toJSON;
  expect(JSON.parse(text)).toEqual({ a: [1, "x", ["y"]], at: "1970-01-01T00:00:00.000Z", nul: "a\ufffd", n: null });
  expect(JSON.parse(json("x".repeat(9000))).length).toBe(8000);
});

it("JSON cuts texts by their characters, in every language, and leaves elements of the page out", () => {
  expect(JSON.parse(json("ש".repeat(5000)))).toBe("ש".repeat(5000));
  expect(JSON.parse(json("ש".repeat(9000)))).toBe("ש".repeat(8000));
  expect(JSON.parse(json("x" + "👩".repeat(5000)))).toBe("x" + "👩".repeat(3999) + "\ufffd");
  expect(JSON.parse(json({ title: { nodeType: 1 }, nodes: [{ nodeType: 1 }], none: null }))).toEqual({ title: "", nodes: [""], none: null });
});

it("attempt takes exceptions away", () => {
  expect(attempt(() => 5)).toBe(5);
  expect(
    attempt(() => {
      throw new Error("x");
    }),
  ).toBeUndefined();
});
