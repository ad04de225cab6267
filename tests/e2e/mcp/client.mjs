// The official SDK's client on `mlctl mcp`. usage: node client.mjs MLCTL SOCKET
// Prints one line of JSON: what it saw.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const [mlctl, socket] = process.argv.slice(2);
const transport = new StdioClientTransport({
  command: mlctl,
  args: ["--socket", socket, "mcp"],
});
const client = new Client({ name: "e2e", version: "1" }, { capabilities: { elicitation: {} } });
const seen = { progress: 0, questions: [] };
let confirm = false;
client.setRequestHandler(ElicitRequestSchema, async (request) => {
  seen.questions.push(request.params.message);
  return confirm ? { action: "accept", content: { confirm: true } } : { action: "decline" };
});
await client.connect(transport);
seen.server = client.getServerVersion();
await client.ping();
const { tools } = await client.listTools();
seen.tools = tools.map((tool) => tool.name);
seen.proofread = await client.callTool(
  { name: "proofread", arguments: { text: "This is a sentense with a mistake." } },
  undefined,
  { onprogress: () => (seen.progress += 1) },
);
seen.wrong = await client.callTool({ name: "proofread", arguments: { txt: "x" } });
try {
  await client.callTool({ name: "no_such_tool", arguments: {} });
} catch (error) {
  seen.unknown = error.code;
}
const abort = new AbortController();
const cancelled = client.callTool(
  { name: "proofread", arguments: { text: "Anothr sentense. ".repeat(20000) } },
  undefined,
  { signal: abort.signal },
);
abort.abort("not wanted any more");
try {
  await cancelled;
} catch (error) {
  seen.cancelled = String(error);
}
// Actions of apps: a "no" first, then a "yes".
const add = seen.tools.find((name) => name.endsWith("-add-to-list"));
if (add !== undefined) {
  const call = () => client.callTool({ name: add, arguments: { item: "milk", list: "shopping" } });
  seen.declined = await call();
  confirm = true;
  seen.added = await call();
}
await client.ping();
await client.close();
console.log(JSON.stringify(seen));
