package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

const (
	quotaBytes      = 8 << 30
	maxRequestBytes = 10 << 20
	maxTxnOps       = 2048
	startLimit      = 60 * time.Second
)

var errOwnEtcd = errors.New("operation not supported")

// etcdNode is this host's share of the cluster's etcd: the embedded server and its own client
// (server mode), or a client of the others (client mode).
type etcdNode struct {
	settings *settings
	mode     string

	mu        sync.Mutex // held by init and join
	server    *embed.Etcd
	client    *clientv3.Client
	authority *authority
	ready     chan struct{} // closed when an init or join has succeeded
}

// openNode makes the node for the mode asked for, and carries out a change of mode (v0.7.0 and
// later): client to server joins the cluster (reattachment), server to client leaves it. Both must
// be done within 60 s.
func openNode(s *settings) (*etcdNode, error) {
	wanted := s.mode()
	node := &etcdNode{settings: s, mode: wanted, ready: make(chan struct{})}
	if s.older {
		return node, nil
	}
	before := s.current().EtcdMode
	if before == "" || before == wanted {
		if node.initialised() {
			if err := s.persistModes(); err != nil {
				return nil, err
			}
		}
		return node, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	node.mode = before
	if wanted == modeServer {
		return node, node.becomeServer(ctx)
	}
	return node, node.becomeClient(ctx)
}

// initialised: a server has been started with this directory, or a client has endpoints. A server
// directory without write-ahead log counts as new, whatever else is in it.
func (n *etcdNode) initialised() bool {
	if n.mode == modeClient {
		return len(n.settings.endpoints()) > 0
	}
	found, err := os.Stat(n.settings.etcdDir() + "/member/wal")
	return err == nil && found.IsDir()
}

// start brings an initialised node up, and initialises a new cluster on one that is not.
func (n *etcdNode) start(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.mode == modeClient && !n.initialised():
		return errOwnEtcd
	case n.mode == modeClient:
		return n.connect(ctx)
	case n.server != nil:
		return nil
	case n.initialised():
		return n.startServer(ctx)
	}
	return n.initialise(ctx)
}

func (n *etcdNode) startServer(ctx context.Context) error {
	logInfo("starting embedded etcd server", "client_port", n.settings.clientPort)
	server, err := startEmbedded(ctx, n.serverConfig())
	if err != nil {
		return err
	}
	n.server = server
	if err := n.connect(ctx); err != nil {
		return err
	}
	if !n.settings.older {
		if err := n.updatePeerURLs(ctx); err != nil {
			logInfo("failed to update peer URLs after IP/hostname change", "error", err.Error())
		}
	}
	return nil
}

// connect logs in with the host's own credentials and reads the authority.
func (n *etcdNode) connect(ctx context.Context) error {
	if n.client == nil {
		endpoints := n.settings.urls(n.settings.clientPort)
		if n.mode == modeClient {
			endpoints = n.settings.endpoints()
		}
		client, err := n.login(endpoints)
		if err != nil {
			return fmt.Errorf("failed to get client: %w", err)
		}
		n.client = client
	}
	var err error
	n.authority, err = openAuthority(ctx, n.client)
	return err
}

// login opens a client with user and password. Like the real one it asks for a token once, here,
// and afterwards only when a server refuses the token it has.
func (n *etcdNode) login(endpoints []string) (*clientv3.Client, error) {
	pair, err := tls.LoadX509KeyPair(
		n.settings.certificate("etcd-user.crt"), n.settings.certificate("etcd-user.key"))
	if err != nil {
		return nil, fmt.Errorf("failed to read client cert: %w", err)
	}
	ca, err := os.ReadFile(n.settings.certificate("ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("failed to read CA cert: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errors.New("failed to use CA cert")
	}
	generated := n.settings.current()
	options := clientv3.Config{
		Endpoints: endpoints,
		TLS: &tls.Config{
			RootCAs: pool, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13,
		},
		Username:           generated.EtcdUsername,
		Password:           generated.EtcdPassword,
		DialTimeout:        5 * time.Second,
		MaxCallSendMsgSize: maxRequestBytes,
		MaxCallRecvMsgSize: maxRequestBytes,
		Logger:             zap.NewNop(),
	}
	if n.mode == modeClient {
		options.AutoSyncInterval = 5 * time.Minute
	}
	return clientv3.New(options)
}

// close ends client and server, which leaves the node as before its start.
func (n *etcdNode) close() error {
	err := n.stop()
	n.client, n.server = nil, nil
	return err
}

// stop ends client and server for good. A client-mode host writes down the endpoints it knows
// first. What still runs may go on to use the closed client, and gets errors.
func (n *etcdNode) stop() error {
	var problems []error
	if n.client != nil {
		if n.mode == modeClient {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			problems = append(problems, n.saveEndpoints(ctx, n.client))
			cancel()
		}
		problems = append(problems, n.client.Close())
	}
	if n.server != nil {
		n.server.Close()
	}
	return errors.Join(problems...)
}

func (n *etcdNode) saveEndpoints(ctx context.Context, client *clientv3.Client) error {
	if err := client.Sync(ctx); err != nil {
		return fmt.Errorf("failed to sync client endpoints: %w", err)
	}
	return n.settings.update(func(g *generatedConfig) {
		g.EtcdClient = &etcdClientConfig{Endpoints: client.Endpoints(), LogLevel: "fatal"}
	})
}

// failures reports an embedded server that ends unasked; nil in client mode.
func (n *etcdNode) failures() <-chan error {
	if n.server == nil {
		return nil
	}
	return n.server.Err()
}

func (n *etcdNode) joinToken() (string, error) {
	if n.authority == nil {
		return "", errors.New("etcd not initialized")
	}
	return n.authority.token, nil
}

// health asks etcd for its state and alarms, within 5 s.
func (n *etcdNode) health() component {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	details := map[string]any{}
	healthy := true
	if n.mode == modeServer {
		status, err := n.client.Status(ctx, n.client.Endpoints()[0])
		if err != nil {
			return component{Name: "etcd", Error: err.Error()}
		}
		details["errors"] = status.Errors
		healthy = len(status.Errors) == 0
	}
	answer, err := n.client.AlarmList(ctx)
	if err != nil {
		return component{Name: "etcd", Error: err.Error()}
	}
	alarms := []string{}
	for _, alarm := range answer.Alarms {
		alarms = append(alarms, fmt.Sprintf("%d: %s", alarm.MemberID, alarm.Alarm))
	}
	details["alarms"] = alarms
	return component{Name: "etcd", Healthy: healthy && len(alarms) == 0, Details: details}
}

// serverConfig is the embedded server's configuration: TLS on all interfaces, member name = host
// id, limits of the real one. embed ignores the initial cluster once there is a write-ahead log.
func (n *etcdNode) serverConfig() *embed.Config {
	s := n.settings
	config := n.baseConfig()
	config.AutoCompactionMode, config.AutoCompactionRetention = "periodic", "5m"
	config.ClientTLSInfo = transport.TLSInfo{
		TrustedCAFile: s.certificate("ca.crt"),
		CertFile:      s.certificate("etcd-server.crt"),
		KeyFile:       s.certificate("etcd-server.key"),
	}
	config.PeerTLSInfo = config.ClientTLSInfo
	config.PeerTLSInfo.ClientCertAuth = true
	config.PeerTLSInfo.ClientCertFile = s.certificate("etcd-user.crt")
	config.PeerTLSInfo.ClientKeyFile = s.certificate("etcd-user.key")
	config.ListenClientUrls = []url.URL{address("https", "0.0.0.0", s.clientPort)}
	config.ListenPeerUrls = []url.URL{address("https", "0.0.0.0", s.peerPort)}
	config.AdvertiseClientUrls, config.AdvertisePeerUrls = nil, nil
	for _, own := range s.addresses {
		config.AdvertiseClientUrls = append(config.AdvertiseClientUrls,
			address("https", own, s.clientPort))
		config.AdvertisePeerUrls = append(config.AdvertisePeerUrls,
			address("https", own, s.peerPort))
	}
	first := address("http", s.addresses[0], s.peerPort)
	config.InitialCluster = s.hostID + "=" + first.String()
	config.MaxTxnOps, config.MaxRequestBytes = maxTxnOps, maxRequestBytes
	return config
}

// firstConfig serves the minute of initialisation: plain, on loopback only.
func (n *etcdNode) firstConfig() *embed.Config {
	config := n.baseConfig()
	client := address("http", "127.0.0.1", n.settings.clientPort)
	peer := address("http", "127.0.0.1", n.settings.peerPort)
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.InitialCluster = n.settings.hostID + "=" + peer.String()
	return config
}

func (n *etcdNode) baseConfig() *embed.Config {
	config := embed.NewConfig()
	config.Name, config.Dir = n.settings.hostID, n.settings.etcdDir()
	config.LogLevel = n.settings.serverLogLevel
	config.QuotaBackendBytes = quotaBytes
	return config
}

func address(scheme, host string, port int) url.URL {
	return url.URL{Scheme: scheme, Host: net.JoinHostPort(host, strconv.Itoa(port))}
}

// startEmbedded starts etcd and waits until it is ready, which takes a leader: 60 s at most.
func startEmbedded(ctx context.Context, config *embed.Config) (*embed.Etcd, error) {
	server, err := embed.StartEtcd(config)
	if err != nil {
		return nil, fmt.Errorf("failed to start etcd: %w", err)
	}
	select {
	case <-server.Server.ReadyNotify():
		return server, nil
	case <-time.After(startLimit):
		server.Server.Stop()
		return nil, errors.New("failed to start etcd: server took too long to start")
	case <-ctx.Done():
		server.Server.Stop()
		return nil, fmt.Errorf("context cancelled while starting etcd: %w", ctx.Err())
	}
}

// initialise makes a new cluster of one: authority, root role and user, this host's user and
// certificates, generated.config.json, authentication on; then starts the server for good. It
// overwrites whatever certificates and credentials the data directory holds.
func (n *etcdNode) initialise(ctx context.Context) error {
	server, err := startEmbedded(ctx, n.firstConfig())
	if err != nil {
		return fmt.Errorf("failed to start etcd for initialization: %w", err)
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: server.Server.Cluster().ClientURLs(), Logger: zap.NewNop(),
	})
	if err != nil {
		return fmt.Errorf("failed to get etcd client for initialization: %w", err)
	}
	if err := n.prepareCluster(ctx, client); err != nil {
		return err
	}
	if err := client.Close(); err != nil {
		return err
	}
	server.Close()
	if err := n.startServer(ctx); err != nil {
		return err
	}
	close(n.ready)
	return nil
}

func (n *etcdNode) prepareCluster(ctx context.Context, client *clientv3.Client) error {
	authority, err := openAuthority(ctx, client)
	if err != nil {
		return err
	}
	if _, err := client.RoleAdd(ctx, "root"); err != nil {
		return fmt.Errorf("failed to create root role: %w", err)
	}
	// A user without password cannot log in; etcd only wants it to exist.
	if _, err := client.UserAdd(ctx, "root", ""); err != nil {
		return fmt.Errorf("failed to create root user: %w", err)
	}
	if _, err := client.UserGrantRole(ctx, "root", "root"); err != nil {
		return fmt.Errorf("failed to grant root role to root user: %w", err)
	}
	made, err := createCredentials(ctx, client, authority, hostIdentity{
		id: n.settings.hostID, addresses: n.settings.certificateNames(), server: true,
	})
	if err != nil {
		return fmt.Errorf("failed to create etcd host credentials: %w", err)
	}
	if err := n.settings.keep(made); err != nil {
		return err
	}
	members, err := client.MemberList(ctx)
	if err != nil {
		return fmt.Errorf("failed to list cluster members: %w", err)
	}
	own := n.settings.urls(n.settings.peerPort)
	if _, err := client.MemberUpdate(ctx, members.Members[0].ID, own); err != nil {
		return fmt.Errorf("failed to update peer URL: %w", err)
	}
	if _, err := client.AuthEnable(ctx); err != nil {
		return fmt.Errorf("failed to enable authentication: %w", err)
	}
	return nil
}

func (n *etcdNode) updatePeerURLs(ctx context.Context) error {
	answer, err := n.client.MemberList(ctx)
	if err != nil {
		return err
	}
	own := n.settings.urls(n.settings.peerPort)
	member := findMember(answer.Members, n.settings.hostID)
	if member == nil {
		return fmt.Errorf("member %s not found", n.settings.hostID)
	}
	if strings.Join(sorted(member.PeerURLs), " ") == strings.Join(sorted(own), " ") {
		return nil
	}
	_, err = n.client.MemberUpdate(ctx, member.ID, own)
	return err
}
