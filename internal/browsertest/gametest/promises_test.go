package gametest

import "testing"

// promises are those of package passport that package browser keeps, under the names
// that they have in the suite for drivers (promises_test.go of the root, which says why
// the others do not apply to a browser).
var promises = []struct {
	name string
	keep func(*testing.T)
}{
	{"local first/though the auth domain is down", revocationThatFailsKeepsNobodySignedIn},
	{"local first/though the auth domain hangs", logoutURLThatFailsInTheIframeIsVisitedAtTopLevel},
	{"no resurrection/by a refresh in flight", refreshInFlightBringsNoSessionBack},
	{"no resurrection/by a login that was begun before", loginThatWasBegunBeforeALogoutSignsNobodyIn},
	{"no resurrection/by a state that is used again", callbackThatIsLoadedAgainBeforeItIsTidyIsTheSameSession},
	{"nothing lost/a failed revocation is left to the next run", revocationIsMadeUpForByTheNextPage},
	{"never a false logged out/a logout that got lost is unfinished", silentLogoutSaysWhatIsKnown},
	{"never a false logged out/one that came back is finished", redirectLogoutEndsBothSessionsAndKnowsIt},
	{"never stuck/a logout that got lost can be finished", unfinishedLogoutCanBeFinished},
	{"nobody else logs you out/by a page of another site", messageOfAnotherOriginCompletesNothing},
	{"nobody else logs you out/or says that you are", forgedMessagesAreOfNoAccount},
	{"no leak", loginComesBackAndLeavesNothingInTheAddress},
	{"everywhere at once/by the program", enginesTellTheOtherTabs},
	{"wherever it stands/in short runs", logoutWhosePageIsLeftAtOnceIsNotLost},
}

func TestPromises(t *testing.T) {
	for _, promise := range promises {
		t.Run(promise.name, promise.keep)
	}
}
