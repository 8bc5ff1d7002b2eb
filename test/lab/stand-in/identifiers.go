package main

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"regexp"
	"time"
)

var uuidPattern = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func randomBytes(count int) []byte {
	raw := make([]byte, count)
	if _, err := rand.Read(raw); err != nil {
		panic(err)
	}
	return raw
}

// newPassword may begin with a dash and ends with an equals sign, as the real one's do.
func newPassword() string { return base64.URLEncoding.EncodeToString(randomBytes(32)) }

func randomHex(count int) string { return hex.EncodeToString(randomBytes(count)) }

// newUUID is a random one (version 4), as cluster ids are.
func newUUID() string {
	raw := randomBytes(16)
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	return formatUUID(raw)
}

// newTaskID is a UUID that sorts by time (version 7), as task ids are.
func newTaskID() string {
	raw := randomBytes(16)
	milliseconds := make([]byte, 8)
	binary.BigEndian.PutUint64(milliseconds, uint64(time.Now().UnixMilli()))
	copy(raw, milliseconds[2:])
	raw[6], raw[8] = raw[6]&0x0f|0x70, raw[8]&0x3f|0x80
	return formatUUID(raw)
}

func formatUUID(raw []byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", raw[0:4], raw[4:6], raw[6:8], raw[8:10], raw[10:16])
}

// newErrorID is the short id of goa's own errors.
func newErrorID() string { return base64.RawURLEncoding.EncodeToString(randomBytes(6)) }

// instanceID names the instance of a node on a host: the host id enters as a short hash.
func instanceID(databaseID, node, hostID string) string {
	sum := sha1.Sum([]byte(hostID))
	return fmt.Sprintf("%s-%s-%s", databaseID, node, new(big.Int).SetBytes(sum[:]).Text(36)[:8])
}
