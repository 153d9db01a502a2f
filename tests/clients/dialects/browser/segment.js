import { AnalyticsBrowser } from "@segment/analytics-next";

export async function travel({ url, host, key, journey, moment }) {
  const client = AnalyticsBrowser.load(
    { writeKey: key, cdnURL: url },
    { integrations: { "Segment.io": { apiHost: `${host}/v1`, protocol: "http" } } },
  );
  await client.page("Home");
  await moment();
  await client.identify(journey.user, { email: journey.email, name: journey.name });
  await client.track("Lead", journey.lead);
  await client.track("Order Completed", journey.order);
  for (let number = 0; number < journey.batch; number++) await client.track("Viewed", { number });
}
