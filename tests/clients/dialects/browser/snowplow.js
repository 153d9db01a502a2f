import { newTracker, setUserId, trackPageView, trackSelfDescribingEvent } from "@snowplow/browser-tracker";

export async function travel({ url, key, journey, moment }) {
  newTracker("sp", url, { appId: key, keepalive: true });
  trackPageView();
  await moment();
  setUserId(journey.user);
  const say = (schema, data, context) => trackSelfDescribingEvent({ event: { schema, data }, context });
  say("iglu:com.example/lead/jsonschema/1-0-0", journey.lead);
  const commerce = "iglu:com.snowplowanalytics.snowplow.ecommerce";
  const { order_id: transaction_id, revenue, currency, products } = journey.order;
  say(`${commerce}/snowplow_ecommerce_action/jsonschema/1-0-2`, { type: "transaction" }, [
    { schema: `${commerce}/transaction/jsonschema/1-0-0`, data: { transaction_id, revenue, currency } },
    ...products.map((data) => ({ schema: `${commerce}/product/jsonschema/1-0-0`, data })),
  ]);
  for (let number = 0; number < journey.batch; number++) say("iglu:com.example/viewed/jsonschema/1-0-0", { number });
}
