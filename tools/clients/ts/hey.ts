// Submits a task by the client that hey-api made, and waits for its result.
import { submit } from "./made/hey/sdk.gen.js";
import { client } from "./made/hey/client.gen.js";

client.setConfig({ baseUrl: process.argv[2] });
const { data, error } = await submit({
  headers: { Prefer: "wait=20" },
  body: { task_type: "SLEEP", parameters: { seconds: 0, result: "from hey-api" } },
});
if (!data) throw new Error(JSON.stringify(error));
if (data.status !== "SUCCESS" || data.result_data !== "from hey-api") throw new Error(JSON.stringify(data));
console.log("hey-api:", data.id, data.status);
