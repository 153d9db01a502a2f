import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";

export async function travel({ url, key, journey, moment }) {
  const client = new RudderAnalytics();
  await new Promise((done) => {
    client.load(key, url, { configUrl: url, lockIntegrationsVersion: true, onLoaded: done });
  });
  client.page("Home");
  await moment();
  client.identify(journey.user, { email: journey.email, name: journey.name });
  client.track("Lead", journey.lead);
  client.track("Order Completed", journey.order);
  for (let number = 0; number < journey.batch; number++) client.track("Viewed", { number });
}
