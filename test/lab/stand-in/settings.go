package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// Etcd modes of a host.
const (
	modeServer = "server"
	modeClient = "client"
)

// settings is the configuration: the PGEDGE_ environment first, then generated.config.json, then
// defaults, as the real program ranks them. Its generated part changes at init, join and mode switch.
type settings struct {
	hostID, dataDir     string
	older               bool // the generation before v0.7.0
	hostname            string
	addresses           []string // peer addresses; one in the older generation
	clientAddresses     []string
	httpBind            string
	httpPort            int
	clientPort          int
	peerPort            int
	serverLogLevel      string
	caCert              string
	serverCert          string
	serverKey           string
	clientCert          string
	clientKey           string
	stopGraceSeconds    int
	environmentMode     string
	environmentEndpoint []string

	mu        sync.Mutex
	generated generatedConfig
}

// generatedConfig is generated.config.json, keys as the real file has them.
type generatedConfig struct {
	EtcdClient   *etcdClientConfig `json:"etcd_client,omitempty"`
	EtcdMode     string            `json:"etcd_mode,omitempty"`
	EtcdPassword string            `json:"etcd_password,omitempty"`
	EtcdServer   *etcdServerConfig `json:"etcd_server,omitempty"`
	EtcdUsername string            `json:"etcd_username,omitempty"`
}

type etcdClientConfig struct {
	Endpoints []string `json:"endpoints,omitempty"`
	LogLevel  string   `json:"log_level,omitempty"`
}

type etcdServerConfig struct {
	ClientPort int    `json:"client_port,omitempty"`
	LogLevel   string `json:"log_level,omitempty"`
	PeerPort   int    `json:"peer_port,omitempty"`
}

// loadSettings reads the environment and generated.config.json. PLAN_LAB_GENERATION is 0.6 or 0.9
// (default); the other PLAN_LAB_ variables are test hooks, read where they act (hook).
func loadSettings() (*settings, error) {
	s := &settings{
		hostID:           os.Getenv("PGEDGE_HOST_ID"),
		dataDir:          os.Getenv("PGEDGE_DATA_DIR"),
		httpBind:         environment("PGEDGE_HTTP__BIND_ADDR", "0.0.0.0"),
		serverLogLevel:   environment("PGEDGE_ETCD_SERVER__LOG_LEVEL", "fatal"),
		caCert:           os.Getenv("PGEDGE_HTTP__CA_CERT"),
		serverCert:       os.Getenv("PGEDGE_HTTP__SERVER_CERT"),
		serverKey:        os.Getenv("PGEDGE_HTTP__SERVER_KEY"),
		clientCert:       os.Getenv("PGEDGE_HTTP__CLIENT_CERT"),
		clientKey:        os.Getenv("PGEDGE_HTTP__CLIENT_KEY"),
		environmentMode:  os.Getenv("PGEDGE_ETCD_MODE"),
		stopGraceSeconds: 30,
	}
	switch generation := environment("PLAN_LAB_GENERATION", "0.9"); generation {
	case "0.6":
		s.older = true
	case "0.9":
	default:
		return nil, fmt.Errorf("PLAN_LAB_GENERATION: %q is neither 0.6 nor 0.9", generation)
	}
	if s.dataDir == "" {
		return nil, errors.New("data_dir cannot be empty")
	}
	var err error
	if s.hostname, err = os.Hostname(); err != nil {
		return nil, err
	}
	if s.hostID == "" {
		if s.older {
			return nil, errors.New("host_id cannot be empty")
		}
		s.hostID, _, _ = strings.Cut(s.hostname, ".")
	}
	for _, number := range []struct {
		name    string
		missing int
		to      *int
	}{
		{"PGEDGE_HTTP__PORT", 3000, &s.httpPort},
		{"PGEDGE_ETCD_SERVER__CLIENT_PORT", 2379, &s.clientPort},
		{"PGEDGE_ETCD_SERVER__PEER_PORT", 2380, &s.peerPort},
		{"PGEDGE_STOP_GRACE_PERIOD_SECONDS", 30, &s.stopGraceSeconds},
	} {
		*number.to, err = strconv.Atoi(environment(number.name, strconv.Itoa(number.missing)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", number.name, err)
		}
	}
	if err := s.loadAddresses(); err != nil {
		return nil, err
	}
	s.environmentEndpoint = list(os.Getenv("PGEDGE_ETCD_CLIENT__ENDPOINTS"))
	raw, err := os.ReadFile(s.generatedPath())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("failed to load generated config: %w", err)
	}
	if err == nil {
		if err := json.Unmarshal(raw, &s.generated); err != nil {
			return nil, fmt.Errorf("failed to load generated config: %w", err)
		}
	}
	if mode := s.mode(); mode != modeServer && mode != modeClient {
		return nil, fmt.Errorf("storage_type: unsupported storage type %q", mode)
	}
	return s, nil
}

func (s *settings) loadAddresses() error {
	if s.older {
		address := os.Getenv("PGEDGE_IPV4_ADDRESS")
		if address == "" {
			// No packet is sent: the kernel names the source address of its default route.
			connection, err := net.Dial("udp4", "192.0.2.1:80")
			if err != nil {
				return fmt.Errorf("failed to determine default ipv4_address: %w", err)
			}
			defer connection.Close()
			address, _, _ = net.SplitHostPort(connection.LocalAddr().String())
		}
		s.addresses = []string{address}
		s.hostname = environment("PGEDGE_HOSTNAME", s.hostname)
	} else {
		s.addresses = list(os.Getenv("PGEDGE_PEER_ADDRESSES"))
		if len(s.addresses) == 0 {
			address, err := firstAddress()
			if err != nil {
				return err
			}
			s.addresses = []string{address}
		}
	}
	s.clientAddresses = list(os.Getenv("PGEDGE_CLIENT_ADDRESSES"))
	if len(s.clientAddresses) == 0 {
		s.clientAddresses = s.addresses
	}
	return nil
}

// firstAddress is the first non-loopback IPv4 address of an interface that is up.
func firstAddress() (string, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return "", fmt.Errorf("failed to list interfaces: %w", err)
	}
	for _, card := range interfaces {
		if card.Flags&net.FlagLoopback != 0 || card.Flags&net.FlagUp == 0 {
			continue
		}
		addresses, err := card.Addrs()
		if err != nil {
			continue
		}
		for _, address := range addresses {
			if network, ok := address.(*net.IPNet); ok && network.IP.To4() != nil {
				return network.IP.String(), nil
			}
		}
	}
	return "", errors.New("could not find a valid network interface")
}

func (s *settings) generatedPath() string { return filepath.Join(s.dataDir, "generated.config.json") }

func (s *settings) etcdDir() string { return filepath.Join(s.dataDir, "etcd") }

func (s *settings) certificate(name string) string {
	return filepath.Join(s.dataDir, "certificates", name)
}

// mode is the etcd mode asked for: environment, then generated, then server.
func (s *settings) mode() string {
	if s.environmentMode != "" {
		return s.environmentMode
	}
	if generated := s.current(); generated.EtcdMode != "" {
		return generated.EtcdMode
	}
	return modeServer
}

// endpoints are the etcd endpoints of a client-mode host.
func (s *settings) endpoints() []string {
	if len(s.environmentEndpoint) > 0 {
		return s.environmentEndpoint
	}
	if generated := s.current(); generated.EtcdClient != nil {
		return generated.EtcdClient.Endpoints
	}
	return nil
}

func (s *settings) current() generatedConfig {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generated
}

// update changes generated.config.json by change and writes it, one line, 0600.
func (s *settings) update(change func(*generatedConfig)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.generated
	change(&next)
	if s.older {
		next.EtcdMode, next.EtcdServer = "", nil
		if next.EtcdClient != nil && len(next.EtcdClient.Endpoints) == 0 {
			next.EtcdClient = nil
		} else if next.EtcdClient != nil {
			next.EtcdClient = &etcdClientConfig{Endpoints: next.EtcdClient.Endpoints}
		}
	}
	raw, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.generatedPath(), raw, 0o600); err != nil {
		return fmt.Errorf("failed to write generated config: %w", err)
	}
	s.generated = next
	return nil
}

// persistModes writes the mode and etcd options now in force into generated.config.json.
func (s *settings) persistModes() error {
	mode, endpoints := s.mode(), s.endpoints()
	return s.update(func(g *generatedConfig) {
		g.EtcdMode = mode
		g.EtcdServer = s.serverConfig()
		g.EtcdClient = &etcdClientConfig{Endpoints: endpoints, LogLevel: "fatal"}
	})
}

func (s *settings) serverConfig() *etcdServerConfig {
	return &etcdServerConfig{
		ClientPort: s.clientPort, LogLevel: s.serverLogLevel, PeerPort: s.peerPort,
	}
}

// urls are https URLs of this host's peer addresses at port.
func (s *settings) urls(port int) []string {
	urls := make([]string, len(s.addresses))
	for i, address := range s.addresses {
		urls[i] = "https://" + net.JoinHostPort(address, strconv.Itoa(port))
	}
	return urls
}

// serverURLs are the API's own URLs, one per peer address.
func (s *settings) serverURLs() []string {
	scheme := "http"
	if s.serverCert != "" && s.serverKey != "" {
		scheme = "https"
	}
	urls := make([]string, len(s.addresses))
	for i, address := range s.addresses {
		urls[i] = scheme + "://" + net.JoinHostPort(address, strconv.Itoa(s.httpPort))
	}
	return urls
}

// hook reports whether a test hook names value: PLAN_LAB_FAIL_CREATE, PLAN_LAB_FAIL_UPDATE and
// PLAN_LAB_HANG_UPDATE hold database ids separated by commas, in the environment or, so that a test
// can change them while the program runs, as NAME=VALUE lines of plan-lab.env in the data directory.
func (s *settings) hook(name, value string) bool {
	values := list(os.Getenv(name))
	raw, err := os.ReadFile(filepath.Join(s.dataDir, "plan-lab.env"))
	if err == nil {
		for _, line := range strings.Split(string(raw), "\n") {
			if key, rest, found := strings.Cut(strings.TrimSpace(line), "="); found && key == name {
				values = append(values, list(rest)...)
			}
		}
	}
	for _, one := range values {
		if one == value {
			return true
		}
	}
	return false
}

func environment(name, missing string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return missing
}

func list(value string) []string {
	var parts []string
	for _, part := range strings.Split(value, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}
