// The official SDK's client on `mlctl mcp`. usage: node client.mjs MLCTL SOCKET
// Prints one line of JSON: what it saw.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const [mlctl, socket] = process.argv.slice(2);
const transport = new StdioClientTransport({
  command: mlctl,
  args: ["--socket", socket, "mcp"],
});
const client = new Client({ name: "e2e", version: "1" }, { capabilities: {} });
await client.connect(transport);
const seen = { server: client.getServerVersion(), progress: 0 };
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
await client.ping();
await client.close();
console.log(JSON.stringify(seen));
