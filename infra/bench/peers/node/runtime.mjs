// The runtime API's loop and nothing else. AWS's own client for it (aws-lambda-ric) is built from C++ when it is installed and
// does more, so that this one flatters Node.js.
import { Agent, request } from "node:http";
import { handler } from "./download.mjs";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new Agent({ keepAlive: true });

function ask(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
    const asked = request({ host, port, agent, method, headers, path: `/2018-06-01/runtime/invocation/${path}` }, (answer) => {
      const pieces = [];
      answer.on("data", (piece) => pieces.push(piece));
      answer.on("end", () => resolve({ id: answer.headers["lambda-runtime-aws-request-id"], text: Buffer.concat(pieces).toString() }));
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

async function run() {
  for (;;) {
    const event = await ask("GET", "next");
    await ask("POST", `${event.id}/response`, JSON.stringify(await handler(JSON.parse(event.text))));
  }
}

run();
