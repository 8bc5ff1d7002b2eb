package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const authorityKey = "/root_ca"

const certificateYears = 20

// authority is the cluster's certificate authority. Key, certificate and join token live in etcd,
// therefore in every snapshot: a token never changes and names the certificate by its SHA-256.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	token       string
}

type storedAuthority struct {
	KeyPEM    string `json:"key_pem"`
	CertPEM   string `json:"cert_pem"`
	JoinToken string `json:"join_token"`
}

// principal is a key and certificate issued to a host, PEM.
type principal struct {
	id, key, certificate string
}

type storedPrincipal struct {
	ID      string `json:"id"`
	KeyPEM  string `json:"key_pem"`
	CertPEM string `json:"cert_pem"`
}

// openAuthority reads the authority from etcd, or makes one and keeps it there.
func openAuthority(ctx context.Context, client *clientv3.Client) (*authority, error) {
	stored, err := get[storedAuthority](ctx, client, authorityKey)
	if errors.Is(err, errNotFound) {
		made, err := newAuthority()
		if err != nil {
			return nil, err
		}
		keyPEM, err := encodeKey(made.key)
		if err != nil {
			return nil, err
		}
		return made, put(ctx, client, authorityKey, storedAuthority{
			KeyPEM:    base64.StdEncoding.EncodeToString([]byte(keyPEM)),
			CertPEM:   base64.StdEncoding.EncodeToString([]byte(made.certificatePEM())),
			JoinToken: made.token,
		})
	}
	if err != nil {
		return nil, fmt.Errorf("failed to start certificate service: failed to fetch CA: %w", err)
	}
	certificate, err := base64.StdEncoding.DecodeString(stored.CertPEM)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(stored.KeyPEM)
	if err != nil {
		return nil, err
	}
	parsedCertificate, err := decodeCertificate(string(certificate))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(key)
	if block == nil {
		return nil, errors.New("stored CA has no key")
	}
	parsedKey, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	signer, ok := parsedKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("stored CA key cannot sign")
	}
	return &authority{parsedCertificate, signer, stored.JoinToken}, nil
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: newUUID(), Organization: []string{"stand-in"}},
		NotBefore:             time.Now(),
		NotAfter:              time.Now().AddDate(certificateYears, 0, 0),
		IsCA:                  true,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{
		certificate, key, fmt.Sprintf("PGEDGE-%x-%s", sha256.Sum256(der), randomHex(16)),
	}, nil
}

func (a *authority) certificatePEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}))
}

func userPrincipalID(hostID string) string   { return "host:" + hostID + ":etcd-user" }
func serverPrincipalID(hostID string) string { return "host:" + hostID + ":etcd-server" }

// issue gives the principal kept under id, or makes it: a certificate of that common name for those
// addresses. One that no longer fits the addresses is created again.
func (a *authority) issue(
	ctx context.Context, client *clientv3.Client, id, name string, addresses []string,
) (principal, error) {
	dns, ips := splitAddresses(addresses)
	key := "/principals/" + id
	stored, err := get[storedPrincipal](ctx, client, key)
	if err == nil {
		keyPEM, keyErr := base64.StdEncoding.DecodeString(stored.KeyPEM)
		certificate, certErr := base64.StdEncoding.DecodeString(stored.CertPEM)
		if err := errors.Join(keyErr, certErr); err != nil {
			return principal{}, err
		}
		parsed, err := decodeCertificate(string(certificate))
		if err != nil {
			return principal{}, err
		}
		if parsed.Subject.CommonName == name && sameNames(parsed, dns, ips) {
			return principal{id, string(keyPEM), string(certificate)}, nil
		}
	} else if !errors.Is(err, errNotFound) {
		return principal{}, fmt.Errorf("failed to fetch principal: %w", err)
	}
	made, err := a.sign(id, name, dns, ips)
	if err != nil {
		return principal{}, err
	}
	return made, put(ctx, client, key, storedPrincipal{
		ID:      id,
		KeyPEM:  base64.StdEncoding.EncodeToString([]byte(made.key)),
		CertPEM: base64.StdEncoding.EncodeToString([]byte(made.certificate)),
	})
}

func (a *authority) sign(id, name string, dns []string, ips []net.IP) (principal, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return principal{}, err
	}
	serial, err := newSerial()
	if err != nil {
		return principal{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now(),
		NotAfter:     time.Now().AddDate(certificateYears, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:     dns,
		IPAddresses:  ips,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return principal{}, err
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return principal{}, err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return principal{id, keyPEM, string(certificate)}, nil
}

func encodeKey(key crypto.Signer) (string, error) {
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})), nil
}

func decodeCertificate(text string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("failed to decode certificate PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

func splitAddresses(addresses []string) ([]string, []net.IP) {
	var dns []string
	var ips []net.IP
	for _, address := range addresses {
		if ip := net.ParseIP(address); ip != nil {
			ips = append(ips, ip)
		} else {
			dns = append(dns, address)
		}
	}
	return dns, ips
}

func sameNames(certificate *x509.Certificate, dns []string, ips []net.IP) bool {
	text := func(ip net.IP) string { return ip.String() }
	return slices.Equal(sorted(certificate.DNSNames), sorted(dns)) &&
		slices.Equal(sorted(each(certificate.IPAddresses, text)), sorted(each(ips, text)))
}

func sorted(values []string) []string {
	copied := slices.Clone(values)
	slices.Sort(copied)
	return slices.Compact(copied)
}

func each[From, To any](values []From, change func(From) To) []To {
	changed := make([]To, len(values))
	for i, value := range values {
		changed[i] = change(value)
	}
	return changed
}

func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
}
