package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"
)

const joinOptionsPath = "/v1/internal/cluster/join-options"

// shortestName is the least length of a host name in the older generation's join.
const shortestName = 3

func (p *api) table() []route {
	address := "server_urls"
	joining := []string{"host_id", "addresses", "token", "embedded_etcd_enabled"}
	if p.app.settings.older {
		address = "server_url"
		joining = []string{"host_id", "hostname", "ipv4_address", "token", "embedded_etcd_enabled"}
	}
	return slices.Concat([]route{
		{method: "GET", path: "/v1/version", before: true, handle: p.version},
		{method: "GET", path: "/v1/cluster/init", before: true, handle: p.initCluster},
		{method: "POST", path: "/v1/cluster/join", before: true,
			fields: []string{"token", address}, handle: p.joinCluster},
		{method: "GET", path: "/v1/cluster/join-token", handle: p.joinToken},
		{method: "POST", path: joinOptionsPath, fields: joining, handle: p.joinOptions},
		{method: "GET", path: "/v1/cluster", handle: p.cluster},
	}, p.hostRoutes(), p.databaseRoutes())
}

// version answers at all times, also uninitialised and without quorum. A self-built real one says
// (devel) too: the generation shows in the shapes, not in this.
func (p *api) version(exchange) (answer, error) {
	return ok(map[string]any{
		"version": "(devel)", "revision": "", "revision_time": "", "arch": runtime.GOARCH,
	})
}

func (p *api) isInitialised() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.initialised
}

// initCluster makes a cluster of this host. It is a GET with side effects, as in the real API.
func (p *api) initCluster(e exchange) (answer, error) {
	if p.isInitialised() {
		return answer{}, errInitialised
	}
	node := p.app.node
	if err := node.start(context.Background()); err != nil {
		if errors.Is(err, errOwnEtcd) {
			return answer{}, invalidInput("operation not supported by this control plane server")
		}
		return answer{}, err
	}
	id := e.URL.Query().Get("cluster_id")
	if id == "" {
		id = newUUID()
	}
	ctx := context.Background()
	if err := put(ctx, node.client, "/cluster", map[string]string{"id": id}); err != nil {
		return answer{}, err
	}
	if err := p.waitForServices(); err != nil {
		return answer{}, err
	}
	return p.joinToken(e)
}

func (p *api) waitForServices() error {
	<-p.finished
	return p.outcome
}

func (p *api) joinToken(exchange) (answer, error) {
	token, err := p.app.node.joinToken()
	if err != nil {
		return answer{}, err
	}
	urls := p.app.settings.serverURLs()
	if p.app.settings.older {
		return ok(map[string]any{"token": token, "server_url": urls[0]})
	}
	return ok(map[string]any{"token": token, "server_urls": urls})
}

func (p *api) cluster(e exchange) (answer, error) {
	hosts, err := p.app.listHosts(e.Context())
	if err != nil {
		return answer{}, err
	}
	stored, err := get[map[string]string](e.Context(), p.app.node.client, "/cluster")
	if err != nil {
		return answer{}, err
	}
	return ok(map[string]any{
		"id": stored["id"], "status": map[string]any{"state": "available"}, "hosts": hosts,
	})
}

// joinReply is the host-to-host answer a joining host gets for its token.
type joinReply struct {
	Leader      etcdLeader `json:"leader"`
	Credentials struct {
		Username   string `json:"username"`
		Password   string `json:"password"`
		CA         string `json:"ca_cert"`
		UserCert   string `json:"client_cert"`
		UserKey    string `json:"client_key"`
		ServerCert string `json:"server_cert"`
		ServerKey  string `json:"server_key"`
	} `json:"credentials"`
}

// joinOptions is asked by a joining host. Token first, then a free id; then the credentials are
// made, before anything of the join has happened.
func (p *api) joinOptions(e exchange) (answer, error) {
	token, err := p.app.node.joinToken()
	if err != nil {
		return answer{}, err
	}
	if e.body["token"] != token {
		return answer{}, errInvalidToken
	}
	host := hostIdentity{addresses: texts(e.body["addresses"])}
	host.id, _ = e.body["host_id"].(string)
	host.server, _ = e.body["embedded_etcd_enabled"].(bool)
	if p.app.settings.older {
		hostname := fmt.Sprint(e.body["hostname"])
		if len(hostname) < shortestName {
			return answer{}, validationError{"invalid_length", fmt.Sprintf("length of body.hostname "+
				"must be greater or equal than %d but got value %q", shortestName, hostname)}
		}
		host.addresses = []string{hostname, fmt.Sprint(e.body["ipv4_address"])}
	}
	client := p.app.node.client
	if _, err := get[storedHost](e.Context(), client, hostPrefix+host.id); err == nil {
		return answer{}, invalidInput(
			fmt.Sprintf("a host with ID %s already exists in the cluster", host.id))
	} else if !errors.Is(err, errNotFound) {
		return answer{}, err
	}
	made, err := createCredentials(e.Context(), client, p.app.node.authority, host)
	if err != nil {
		return answer{}, err
	}
	reply := joinReply{}
	if reply.Leader, err = leaderOf(e.Context(), client); err != nil {
		return answer{}, err
	}
	reply.Credentials.Username, reply.Credentials.Password = made.username, made.password
	reply.Credentials.CA = made.ca
	reply.Credentials.UserCert, reply.Credentials.UserKey = made.userCert, made.userKey
	reply.Credentials.ServerCert, reply.Credentials.ServerKey = made.serverCert, made.serverKey
	return ok(reply)
}

func texts(value any) []string {
	values, _ := value.([]any)
	return each(values, func(one any) string { return fmt.Sprint(one) })
}

// joinCluster makes this host part of the cluster at the given address. It answers 204 when the
// host is a settled voter with its record and status written.
func (p *api) joinCluster(e exchange) (answer, error) {
	if p.isInitialised() {
		return answer{}, errInitialised
	}
	reply, err := p.askToJoin(e.body)
	if err != nil {
		return answer{}, err
	}
	given := credentials{
		username: reply.Credentials.Username, password: reply.Credentials.Password,
		ca:       reply.Credentials.CA,
		userCert: reply.Credentials.UserCert, userKey: reply.Credentials.UserKey,
		serverCert: reply.Credentials.ServerCert, serverKey: reply.Credentials.ServerKey,
	}
	// Not the request's context: the real one's join goes on when its client has gone.
	if err := p.app.node.join(context.Background(), reply.Leader, given); err != nil {
		return answer{}, fmt.Errorf("failed to join existing cluster: %w", err)
	}
	if err := p.waitForServices(); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}

func (p *api) askToJoin(body map[string]any) (joinReply, error) {
	s := p.app.settings
	client, err := s.httpClient()
	if err != nil {
		return joinReply{}, err
	}
	question := map[string]any{
		"host_id": s.hostID, "token": body["token"],
		"embedded_etcd_enabled": p.app.node.mode == modeServer,
	}
	var server string
	if s.older {
		server = fmt.Sprint(body["server_url"])
		question["hostname"], question["ipv4_address"] = s.hostname, s.addresses[0]
	} else {
		question["addresses"] = s.addresses
		servers := texts(body["server_urls"])
		if server = firstReachable(client, servers); server == "" {
			return joinReply{}, fmt.Errorf("failed to reach any of the given servers: %s",
				strings.Join(servers, ", "))
		}
	}
	raw, err := json.Marshal(question)
	if err != nil {
		return joinReply{}, err
	}
	response, err := client.Post(server+joinOptionsPath, "application/json", bytes.NewReader(raw))
	if err != nil {
		return joinReply{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return joinReply{}, passOn(response)
	}
	var reply joinReply
	return reply, json.NewDecoder(response.Body).Decode(&reply)
}

// passOn turns the other host's error into the same error of this one.
func passOn(response *http.Response) error {
	var body struct{ Name, Message string }
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil || body.Name == "" {
		return fmt.Errorf("invalid response code %d", response.StatusCode)
	}
	if response.Header.Get("goa-error") == "" {
		return errUndeclared
	}
	return apiError{body.Name, body.Message}
}

func firstReachable(client *http.Client, servers []string) string {
	for _, server := range servers {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/v1/version", nil)
		if err != nil {
			cancel()
			continue
		}
		response, err := client.Do(request)
		cancel()
		if err == nil {
			response.Body.Close()
			return server
		}
	}
	return ""
}

func (s *settings) httpClient() (*http.Client, error) {
	if s.clientCert == "" {
		return http.DefaultClient, nil
	}
	pair, err := tls.LoadX509KeyPair(s.clientCert, s.clientKey)
	if err != nil {
		return nil, fmt.Errorf("failed to load key pair: %w", err)
	}
	pool, err := certificatePool(s.caCert)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: pool, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13,
	}}}, nil
}
