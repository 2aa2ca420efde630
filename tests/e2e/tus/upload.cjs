// Uploads a file with tus-js-client as a program in Node does: node upload.cjs ENDPOINT FILE TYPE CHUNK [URLS]. CHUNK is the
// size of chunks, or "whole" for what tus-js-client does by itself. With URLS, a file in which upload URLs are remembered, an
// upload that another process has begun goes on. Prints the upload's URL.

const fs = require("fs");
const path = require("path");
const tus = require("tus-js-client");

const [endpoint, file, filetype, chunk, urls] = process.argv.slice(2);

const upload = new tus.Upload(fs.createReadStream(file), {
	endpoint,
	...(chunk === "whole" ? {} : { chunkSize: Number(chunk) }),
	retryDelays: Array(500).fill(50),
	metadata: { filename: path.basename(file), filetype },
	...(urls ? { urlStorage: new tus.FileUrlStorage(urls), fingerprint: async () => "the file" } : {}),
	onChunkComplete: (_, accepted) => console.log(`accepted ${accepted}`),
	onSuccess: () => console.log(`done ${upload.url}`),
	onError: (error) => {
		console.error(String(error));
		process.exitCode = 1;
	},
});

(async () => {
	const [previous] = urls ? await upload.findPreviousUploads() : [];
	if (previous) {
		console.log(`resumes ${previous.uploadUrl}`);
		upload.resumeFromPreviousUpload(previous);
	}
	upload.start();
})();
