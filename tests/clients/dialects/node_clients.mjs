// One journey through a Node client of another system: `node node_clients.mjs CLIENT URL KEY`. Exits 0 once all is sent.
import { readFileSync } from "node:fs";

const J = JSON.parse(readFileSync(new URL("./journey.json", import.meta.url), "utf8"));
const page = { url: J.url, referrer: J.referrer, title: J.title };
// A person takes a moment between two steps; clients whose clocks are corrected batch by batch can't order what happens
// within one millisecond.
const moment = () => new Promise((done) => setTimeout(done, 1500));
const numbers = [...Array(J.batch).keys()];

async function segmentLike(client) {
  const who = { userId: J.user, anonymousId: J.visitor };
  client.page({ anonymousId: J.visitor, name: "Home", properties: page, context: { page } });
  await moment();
  client.identify({ ...who, traits: { email: J.email, name: J.name } });
  client.track({ ...who, event: "Lead", properties: J.lead });
  client.track({ ...who, event: "Order Completed", properties: J.order });
  for (const number of numbers) client.track({ ...who, event: "Viewed", properties: { number } });
}

const clients = {
  async segment(url, key) {
    const { Analytics } = await import("@segment/analytics-node");
    const client = new Analytics({ writeKey: key, host: url });
    await segmentLike(client);
    await client.closeAndFlush();
  },

  async rudder(url, key) {
    const { default: made } = await import("@rudderstack/rudder-sdk-node");
    const Client = made.default ?? made;
    const client = new Client(key, { dataPlaneUrl: url, flushAt: 10 });
    await segmentLike(client);
    await client.flush();
  },

  async jitsu(url, key) {
    const { jitsuAnalytics } = await import("@jitsu/js");
    const client = jitsuAnalytics({ host: url, writeKey: `${key}:secret`, s2s: true });
    const context = { page };
    await client.page({ ...page, context });
    await moment();
    await client.identify(J.user, { email: J.email, name: J.name }, { context });
    await client.track("Lead", { ...J.lead, context });
    await client.track("Order Completed", { ...J.order, context });
    for (const number of numbers) await client.track("Viewed", { number, context });
  },

  async snowplow(url, key) {
    const { newTracker, buildPageView, buildSelfDescribingEvent } = await import("@snowplow/node-tracker");
    const tracker = newTracker({ namespace: "node", appId: key }, { endpoint: url, bufferSize: 7 });
    tracker.setDomainUserId(J.visitor);
    tracker.track(buildPageView({ pageUrl: J.url, pageTitle: J.title, referrer: J.referrer }));
    await moment();
    tracker.setUserId(J.user);
    const say = (schema, data, context) =>
      tracker.track(buildSelfDescribingEvent({ event: { schema, data } }), context);
    say("iglu:com.example/lead/jsonschema/1-0-0", J.lead);
    const commerce = "iglu:com.snowplowanalytics.snowplow.ecommerce";
    const { order_id: transaction_id, revenue, currency, products } = J.order;
    say(`${commerce}/snowplow_ecommerce_action/jsonschema/1-0-2`, { type: "transaction" }, [
      { schema: `${commerce}/transaction/jsonschema/1-0-0`, data: { transaction_id, revenue, currency } },
      ...products.map((data) => ({ schema: `${commerce}/product/jsonschema/1-0-0`, data })),
    ]);
    for (const number of numbers) say("iglu:com.example/viewed/jsonschema/1-0-0", { number });
    await tracker.flush();
  },

  async posthog(url, key) {
    const { PostHog } = await import("posthog-node");
    const client = new PostHog(key, { host: url, flushAt: 5 });
    const send = (distinctId, event, properties) => client.capture({ distinctId, event, properties });
    send(J.visitor, "$pageview", { $current_url: J.url, $referrer: J.referrer });
    await moment();
    client.alias({ distinctId: J.user, alias: J.visitor });
    client.identify({ distinctId: J.user, properties: { email: J.email, name: J.name } });
    send(J.user, "lead", J.lead);
    send(J.user, "Order Completed", J.order);
    for (const number of numbers) send(J.user, "Viewed", { number });
    await client.shutdown();
  },

  async matomo(url, key) {
    const { default: MatomoTracker } = await import("matomo-tracker");
    const tracker = new MatomoTracker(Number(key), `${url}/matomo.php`);
    const failed = [];
    tracker.on("error", (error) => failed.push(error));
    await new Promise((done) => {
      const order = { idgoal: 0, ec_id: J.order.order_id, revenue: J.order.revenue };
      const items = JSON.stringify(J.order.products.map((line) => [line.sku, line.name, "", line.price, line.quantity]));
      const hit = (more) => ({ _id: "7049e3c91abcb934", url: J.url, ...more });
      tracker.track(hit({ action_name: J.title, urlref: J.referrer }));
      tracker.trackBulk(
        [
          hit({ uid: J.user, e_c: "lead", e_a: "lead" }),
          hit({ uid: J.user, ...order, ec_items: items }),
          ...numbers.map((number) => hit({ uid: J.user, e_c: "shop", e_a: "viewed", e_v: number })),
        ],
        done,
      );
    });
    if (failed.length) throw failed[0];
  },

  async umami(url, key) {
    const { Umami } = await import("@umami/node");
    const client = new Umami({ websiteId: key, hostUrl: url });
    const shared = { website: key, hostname: "shop.example", url: J.url, referrer: J.referrer, title: J.title, id: J.user };
    const fine = async (answer) => {
      if (!(await answer).ok) throw new Error("refused");
    };
    await fine(client.send({ ...shared }));
    await fine(client.send({ ...shared, name: "lead", data: J.lead }));
    await fine(client.send({ ...shared, name: "Order Completed", data: J.order }));
    for (const number of numbers) await fine(client.send({ ...shared, name: "Viewed", data: { number } }));
  },
};

const [client, url, key] = process.argv.slice(2);
await clients[client](url, key);
