package passporttest

import "net/url"

// FrontChannelLogoutURL returns what an iframe on the auth domain's page visits
// to log a client out (OpenID Connect Front-Channel Logout 1.0 §2): the client's
// front-channel logout URI with iss and sid added. An empty sid leaves both
// out, which the specification allows.
func (d *AuthDomain) FrontChannelLogoutURL(uri, sid string) string {
	if sid == "" {
		return uri
	}
	return addQuery(uri, url.Values{"iss": {d.Issuer()}, "sid": {sid}})
}

// InvalidFrontChannelLogoutURLs returns one URL for each way in which iss and sid can
// be wrong, under a name that says which. A client must not log anybody out when it is
// visited there.
func (d *AuthDomain) InvalidFrontChannelLogoutURLs(uri, sid string) map[string]string {
	iss := d.Issuer()
	urls := make(map[string]string)
	for name, params := range map[string]url.Values{
		"iss without sid":             {"iss": {iss}},
		"sid without iss":             {"sid": {sid}},
		"iss is another":              {"iss": {"https://other.example/"}, "sid": {sid}},
		"iss with other slash at end": {"iss": {otherSlash(iss)}, "sid": {sid}},
		"iss is empty":                {"iss": {""}, "sid": {sid}},
		"sid is empty":                {"iss": {iss}, "sid": {""}},
		"sid is unknown":              {"iss": {iss}, "sid": {randomID()}},
		"iss sent twice":              {"iss": {"https://other.example/", iss}, "sid": {sid}},
		"sid sent twice":              {"iss": {iss}, "sid": {randomID(), sid}},
	} {
		urls[name] = addQuery(uri, params)
	}
	return urls
}

// frontChannelURLs returns the URLs to visit after a session has ended.
func (d *AuthDomain) frontChannelURLs(ended Session) []string {
	var urls []string
	for _, id := range ended.ClientIDs {
		if client, _ := d.options.client(id); client.FrontChannelLogoutURI != "" {
			urls = append(urls, d.FrontChannelLogoutURL(client.FrontChannelLogoutURI, ended.SID))
		}
	}
	return urls
}
