// Runs the program; see Handle.
window.output = "";
{
	const decoder = new TextDecoder();
	fs.writeSync = (_, bytes) => {
		output += decoder.decode(bytes, {stream: true});
		return bytes.length;
	};
	const go = new Go();
	go.argv = ["program", ...new URLSearchParams(location.search).getAll("arg")];
	go.exit = code => {
		window.exitCode = code;
		window.onExit?.(code);
	};
	WebAssembly.instantiateStreaming(fetch("/wasm/program.wasm"), go.importObject).then(
		({instance}) => go.run(instance),
		error => {
			output += error;
			go.exit(-1);
		},
	);
}
