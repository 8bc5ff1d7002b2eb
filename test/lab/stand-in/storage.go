package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// errNotFound says that a key holds nothing.
var errNotFound = errors.New("key not found")

// packedFrom is the size from which on values are kept gzipped.
const packedFrom = 2048

// encode turns a value into what the real program keeps under a key: JSON, gzipped if it is long.
func encode(value any) (string, error) {
	raw, err := json.Marshal(value)
	if err != nil || len(raw) < packedFrom {
		return string(raw), err
	}
	var buffer bytes.Buffer
	writer := gzip.NewWriter(&buffer)
	if _, err := writer.Write(raw); err != nil {
		return "", err
	}
	if err := writer.Close(); err != nil {
		return "", err
	}
	return buffer.String(), nil
}

func decode(raw []byte, value any) error {
	// A gzip stream begins so, and JSON never does.
	if !bytes.HasPrefix(raw, []byte{0x1f, 0x8b}) {
		return json.Unmarshal(raw, value)
	}
	reader, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	return json.NewDecoder(reader).Decode(value)
}

// put writes value under key. ctx decides how long it may wait; without a deadline, without limit.
func put(ctx context.Context, client *clientv3.Client, key string, value any) error {
	encoded, err := encode(value)
	if err != nil {
		return err
	}
	if _, err := client.Put(ctx, key, encoded); err != nil {
		return fmt.Errorf("failed to put %q: %w", key, err)
	}
	return nil
}

// create writes value under key if it holds nothing, and reports whether it did.
func create(ctx context.Context, client *clientv3.Client, key string, value any) (bool, error) {
	encoded, err := encode(value)
	if err != nil {
		return false, err
	}
	answer, err := client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, encoded)).
		Commit()
	if err != nil {
		return false, fmt.Errorf("failed to create %q: %w", key, err)
	}
	return answer.Succeeded, nil
}

// get reads the value under key; errNotFound if there is none.
func get[T any](ctx context.Context, client *clientv3.Client, key string) (T, error) {
	var value T
	answer, err := client.Get(ctx, key)
	if err != nil {
		return value, fmt.Errorf("failed to get %q: %w", key, err)
	}
	if len(answer.Kvs) == 0 {
		return value, fmt.Errorf("%q: %w", key, errNotFound)
	}
	if err := decode(answer.Kvs[0].Value, &value); err != nil {
		return value, fmt.Errorf("failed to decode %q: %w", key, err)
	}
	return value, nil
}

// getAll reads every value below prefix, in the order of keys, or backwards if descending.
func getAll[T any](
	ctx context.Context, client *clientv3.Client, prefix string, descending bool,
) ([]T, error) {
	order := clientv3.SortAscend
	if descending {
		order = clientv3.SortDescend
	}
	answer, err := client.Get(ctx, prefix, clientv3.WithPrefix(),
		clientv3.WithSort(clientv3.SortByKey, order))
	if err != nil {
		return nil, fmt.Errorf("failed to get %q: %w", prefix, err)
	}
	values := make([]T, len(answer.Kvs))
	for i, pair := range answer.Kvs {
		if err := decode(pair.Value, &values[i]); err != nil {
			return nil, fmt.Errorf("failed to decode %q: %w", pair.Key, err)
		}
	}
	return values, nil
}

func remove(
	ctx context.Context, client *clientv3.Client, key string, options ...clientv3.OpOption,
) error {
	if _, err := client.Delete(ctx, key, options...); err != nil {
		return fmt.Errorf("failed to delete %q: %w", key, err)
	}
	return nil
}
