// Calls to the server about approvals, alerts and webhooks.

import { call, send } from "./api.js";

/** @import { Alert, Approval, Webhook, WebhookTest } from "./types.js" */

/** The tasks that wait for a person for longest. @param {number} most @returns {Promise<Approval[]>} */
export async function getApprovals(most) {
  return (await call(`api/approvals?limit=${most}`)).json();
}

/** @returns {Promise<Alert[]>} */
export async function getAlerts() {
  return (await call("api/alerts")).json();
}

/** @param {Record<string, any>} alert */
export async function createAlert(alert) {
  await send("POST", "api/alerts", JSON.stringify(alert));
}

/** @param {string} name */
export async function deleteAlert(name) {
  await call(`api/alerts/${encodeURIComponent(name)}`, { method: "DELETE" });
}

/** @returns {Promise<Webhook[]>} */
export async function getWebhooks() {
  return (await call("api/webhooks")).json();
}

/** @param {Record<string, any>} webhook @returns {Promise<Webhook>} */
export async function createWebhook(webhook) {
  return (await send("POST", "api/webhooks", JSON.stringify(webhook))).json();
}

/** @param {string} name */
export async function deleteWebhook(name) {
  await call(`api/webhooks/${encodeURIComponent(name)}`, { method: "DELETE" });
}

/** @param {string} name @returns {Promise<WebhookTest>} */
export async function testWebhook(name) {
  return (await call(`api/webhooks/${encodeURIComponent(name)}/test`, { method: "POST" })).json();
}
