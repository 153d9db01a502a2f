/** Keeps the calls a page makes before the SDK has come. For pages that allow no inline script; the snippet is the same. */
type Call = [verb: string, values: unknown[], resolve: (value: unknown) => void];

const page = window as unknown as { netiv?: { q?: Call[] } & Record<string, unknown> };
const stub = (page.netiv = page.netiv || {});
const VERBS =
  "page track identify conversion order_completed refund product_viewed product_added product_removed cart_viewed " +
  "checkout_started payment_info_entered touch group alias consent reset flush on";

if (!stub.page) {
  const calls: Call[] = (stub.q = stub.q || []);
  VERBS.split(" ").forEach((verb) => {
    stub[verb] = (...values: unknown[]) => new Promise((resolve) => calls.push([verb, values, resolve]));
  });
}
