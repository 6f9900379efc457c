package pages

// ID names a text. The texts themselves are in the folder texts, a file a language.
type ID string

// The texts of links.
const (
	Continue        ID = "continue"
	Back            ID = "back"
	Home            ID = "home"
	SignInAgain     ID = "sign-in-again"
	OtherAccount    ID = "other-account"
	Finish          ID = "finish"
	SignOutPassport ID = "sign-out-passport"
	SignOutService  ID = "sign-out-service"
)

// The texts of logouts. Those that end in Passport are for Passport, and those that
// end in Service for other providers.
const (
	SigningOut          ID = "signing-out"
	SignedOut           ID = "signed-out"
	SignedOutText       ID = "signed-out.text"
	SignedOutOpen       ID = "signed-out.open"
	Unconfirmed         ID = "unconfirmed"
	UnconfirmedPassport ID = "unconfirmed.passport"
	UnconfirmedService  ID = "unconfirmed.service"
	OfflinePassport     ID = "offline.passport"
	OfflineService      ID = "offline.service"
	Pending             ID = "pending"
	PendingText         ID = "pending.text"
)

// The texts of errors.
const (
	NotSignedIn      ID = "not-signed-in"
	NotSignedInText  ID = "not-signed-in.text"
	CancelledText    ID = "cancelled.text"
	Refused          ID = "refused"
	RefusedText      ID = "refused.text"
	SignInFailed     ID = "sign-in-failed"
	SignInFailedText ID = "sign-in-failed.text"
	SignInFailedCode ID = "sign-in-failed.code" // has a {code}
	NotAsked         ID = "not-asked"
	NotAskedText     ID = "not-asked.text"
	Confirm          ID = "confirm"
	ConfirmText      ID = "confirm.text"
	Expired          ID = "expired"
	ExpiredText      ID = "expired.text"
	Prefetched       ID = "prefetched"
	PrefetchedText   ID = "prefetched.text"
	OtherSite        ID = "other-site"
	OtherSiteText    ID = "other-site.text"
	Unavailable      ID = "unavailable"
	UnavailableText  ID = "unavailable.text"
	Failed           ID = "failed"
	FailedText       ID = "failed.text"
	FailedRequest    ID = "failed.request"
)

// The texts of package native.
const (
	SignedIn              ID = "signed-in"
	Close                 ID = "close"
	ProgramSignedOut      ID = "program-signed-out"
	ProgramSignedOutOpen  ID = "program-signed-out.open"
	ProgramSignedOutOther ID = "program-signed-out.other"
	ProgramNotSignedOut   ID = "program-not-signed-out"
	ProgramFailedText     ID = "program-failed.text"
	ProgramCancelledText  ID = "program-cancelled.text"
	Once                  ID = "once"
	OnceText              ID = "once.text"
	OtherBrowser          ID = "other-browser"
	OtherBrowserText      ID = "other-browser.text"
	OtherUser             ID = "other-user"
	OtherUserText         ID = "other-user.text"
	Unexpected            ID = "unexpected"
	UnexpectedText        ID = "unexpected.text"
)

// ids are all of them.
var ids = []ID{
	Continue, Back, Home, SignInAgain, OtherAccount, Finish, SignOutPassport, SignOutService,

	SigningOut, SignedOut, SignedOutText, SignedOutOpen, Unconfirmed, UnconfirmedPassport, UnconfirmedService,
	OfflinePassport, OfflineService, Pending, PendingText,

	NotSignedIn, NotSignedInText, CancelledText, Refused, RefusedText, SignInFailed, SignInFailedText, SignInFailedCode,
	NotAsked, NotAskedText, Confirm, ConfirmText, Expired, ExpiredText, Prefetched, PrefetchedText, OtherSite, OtherSiteText,
	Unavailable, UnavailableText, Failed, FailedText, FailedRequest,

	SignedIn, Close, ProgramSignedOut, ProgramSignedOutOpen, ProgramSignedOutOther, ProgramNotSignedOut, ProgramFailedText,
	ProgramCancelledText, Once, OnceText, OtherBrowser, OtherBrowserText, OtherUser, OtherUserText, Unexpected, UnexpectedText,
}

// codePlaceholder is where the text SignInFailedCode has the provider's code.
const codePlaceholder = "{code}"
