package main

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	list  = "/inventory.v1.InventoryService/List"
	watch = "/inventory.v1.InventoryService/Watch"
)

// service is what protoc makes of your .proto file.
var service = grpc.ServiceDesc{
	ServiceName: "inventory.v1.InventoryService",
	Methods: []grpc.MethodDesc{{
		MethodName: "List",
		Handler: func(srv any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
			request := new(emptypb.Empty)
			if err := decode(request); err != nil {
				return nil, err
			}
			info := &grpc.UnaryServerInfo{Server: srv, FullMethod: list}
			return interceptor(ctx, request, info, func(ctx context.Context, _ any) (any, error) { return listItems(ctx), nil })
		},
	}},
	Streams: []grpc.StreamDesc{{
		StreamName:    "Watch",
		ServerStreams: true,
		Handler:       func(_ any, stream grpc.ServerStream) error { return watchItems(stream) },
	}},
}

func listItems(ctx context.Context) *wrapperspb.StringValue {
	return wrapperspb.String("The inventory of " + bearerFrom(ctx).Subject)
}

// watchItems runs until the user is signed out, or does not listen any more.
func watchItems(stream grpc.ServerStream) error {
	ctx := stream.Context()
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for {
		if err := stream.SendMsg(listItems(ctx)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticks.C:
		}
	}
}
