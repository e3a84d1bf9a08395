// Submits a task by the types that openapi-typescript made, and waits for its result.
import createClient from "openapi-fetch";
import type { paths } from "./made/schema.js";

const client = createClient<paths>({ baseUrl: process.argv[2] });
const { data, error } = await client.POST("/api/tasks/submit", {
  params: { header: { Prefer: "wait=20" } },
  body: { task_type: "SLEEP", parameters: { seconds: 0, result: "from openapi-typescript" } },
});
if (!data) throw new Error(JSON.stringify(error));
if (data.status !== "SUCCESS" || data.result_data !== "from openapi-typescript") throw new Error(JSON.stringify(data));
const list = await client.GET("/api/tasks", { params: { query: { status: ["SUCCESS"] } } });
if (!Array.isArray(list.data) || !list.data.some((task) => task.id === data.id)) throw new Error("the task is not in the list");
console.log("openapi-typescript:", data.id, data.status);
