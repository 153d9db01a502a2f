import { jitsuAnalytics } from "@jitsu/js";

export async function travel({ url, key, journey, moment }) {
  const client = jitsuAnalytics({ host: url, writeKey: `${key}:secret` });
  await client.page();
  await moment();
  await client.identify(journey.user, { email: journey.email, name: journey.name });
  await client.track("Lead", journey.lead);
  await client.track("Order Completed", journey.order);
  for (let number = 0; number < journey.batch; number++) await client.track("Viewed", { number });
}
