package keyring

var system = state{reachable: available, meaning: meaningOfExit, probe: answers}
