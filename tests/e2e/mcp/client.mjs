// The official SDK's client on `mlctl mcp`. usage: node client.mjs MLCTL SOCKET
// Prints one line of JSON: what it saw. Writes "waiting" to its standard error when a call waits for
// the person, who has to answer elsewhere.
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
// Actions of apps. Whether this client may use them at all is never asked through it, however
// ready it is to accept; what cannot be undone is: a "no" first, then a "yes".
const tool = (end) => seen.tools.find((name) => name.endsWith(end));
confirm = true;
seen.added = await client.callTool(
  { name: tool("-add-to-list"), arguments: { item: "milk", list: "shopping" } },
  undefined,
  { onprogress: (progress) => progress.message?.includes("person") && console.error("waiting") },
);
seen.askedForTheGrant = seen.questions.length;
confirm = false;
const erase = { name: tool("-delete-list"), arguments: { list: "shopping" } };
seen.declined = await client.callTool(erase);
confirm = true;
seen.erased = await client.callTool(erase);
await client.ping();
await client.close();
console.log(JSON.stringify(seen));
